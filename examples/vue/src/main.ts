import { createApp } from 'vue';
import { signIn } from '../../shared/session';
import '../../shared/style.css';
import App from './App.vue';

await signIn();
createApp(App).mount('#root');

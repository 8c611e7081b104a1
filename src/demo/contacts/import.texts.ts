import type { InEveryLanguage } from '../people/language.js';

interface ImportTexts {
  finished(contacts: number): { title: string };
  failed(reason: string): { title: string; body: string };
  /** Why an import failed that was under way when its instance ended. */
  restarting: string;
}

export const IMPORT_TEXTS: InEveryLanguage<ImportTexts> = {
  en: {
    finished: (contacts) => ({
      title:
        contacts === 1 ? '1 contact has been imported' : `${contacts.toLocaleString('en')} contacts have been imported`,
    }),
    failed: (reason) => ({
      title: 'Your contacts have not been imported',
      body: `Nothing was stored, because ${reason}. Import them again.`,
    }),
    restarting: 'the CRM is being restarted',
  },
  'zh-CN': {
    finished: (contacts) => ({ title: `已导入 ${contacts.toLocaleString('zh-CN')} 位联系人` }),
    failed: (reason) => ({ title: '联系人未能导入', body: `没有保存任何数据，原因：${reason}。请重新导入。` }),
    restarting: '系统正在重启',
  },
};

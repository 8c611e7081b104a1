import '../../client/element/index.js';
import { Announcement } from './announcements/announcement.js';
import { App } from './app.js';
import { ApprovalCard } from './approvals/approval-card.js';
import { ApprovalsView } from './approvals/approvals-view.js';
import { ContactsView } from './contacts/contacts-view.js';
import { Board } from './deals/board.js';
import { DealPanel } from './deals/deal-panel.js';
import { Discount } from './deals/discount.js';
import { FollowUp } from './deals/follow-up.js';
import { Desk } from './desk/desk.js';
import { Header } from './desk/header.js';
import { Toasts } from './desk/toasts.js';
import { WireDrawer } from './lab/wire-drawer.js';
import { Login } from './login/login.js';
import { SideBySide } from './side-by-side.js';
import { Menu } from './ui/menu.js';

const ELEMENTS = {
  'crm-announcement': Announcement,
  'crm-approval': ApprovalCard,
  'crm-approvals': ApprovalsView,
  'crm-board': Board,
  'crm-contacts': ContactsView,
  'crm-deal': DealPanel,
  'crm-desk': Desk,
  'crm-discount': Discount,
  'crm-follow-up': FollowUp,
  'crm-header': Header,
  'crm-login': Login,
  'crm-menu': Menu,
  'crm-side-by-side': SideBySide,
  'crm-toasts': Toasts,
  'crm-wire': WireDrawer,
  // The last, because it is in the document already and starts at once.
  'crm-app': App,
};

for (const [name, element] of Object.entries(ELEMENTS)) customElements.define(name, element);

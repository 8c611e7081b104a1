/** What the bell says. Notifications themselves are shown as the server wrote them. */
export interface NotificationBellMessages {
  /** The panel's heading. */
  heading: string;
  /** The bell's accessible name: how many are unread belongs in it. */
  bell(unread: number): string;
  /** Said to screen readers when some have arrived. */
  arrived(count: number): string;
  /** On the button that leads up to those that arrived while one read further down. */
  newAbove(count: number): string;
  /** Said before the title of an unread one. */
  unread: string;
  markRead: string;
  markUnread: string;
  markAllRead: string;
  remove: string;
  close: string;
  loadMore: string;
  loading: string;
  /** When there is nothing, and what will be here. */
  empty: string;
  emptyHint: string;
  /** When the notifications, or more of them, could not be loaded. */
  loadFailed: string;
  loadFailedHint: string;
  tryAgain: string;
  /** When the server refused a change, which is undone. */
  changeFailed: string;
  reconnecting: string;
  signedOut: string;
  signedOutHint: string;
  /** The age of one that arrived within the last minute. */
  justNow: string;
  /** Said to screen readers where the list begins. */
  keyboardHint: string;
}

export const en: NotificationBellMessages = {
  heading: 'Notifications',
  bell: (unread) => (unread === 0 ? 'Notifications, none unread' : `Notifications, ${unread} unread`),
  arrived: (count) => (count === 1 ? '1 new notification' : `${count} new notifications`),
  newAbove: (count) => `${count} new`,
  unread: 'Unread',
  markRead: 'Mark as read',
  markUnread: 'Mark as unread',
  markAllRead: 'Mark all as read',
  remove: 'Remove',
  close: 'Close',
  loadMore: 'Load more',
  loading: 'Loading…',
  empty: 'You’re all caught up',
  emptyHint: 'New notifications will appear here.',
  loadFailed: 'Notifications could not be loaded',
  loadFailedHint: 'Check your connection and try again.',
  tryAgain: 'Try again',
  changeFailed: 'That could not be saved and was undone.',
  reconnecting: 'Reconnecting…',
  signedOut: 'You’re signed out',
  signedOutHint: 'Sign in again to see your notifications.',
  justNow: 'just now',
  keyboardHint: 'Arrow keys move between notifications, Delete removes one.',
};

export const zhCN: NotificationBellMessages = {
  heading: '通知',
  bell: (unread) => (unread === 0 ? '通知，没有未读' : `通知，${unread} 条未读`),
  arrived: (count) => `${count} 条新通知`,
  newAbove: (count) => `${count} 条新通知`,
  unread: '未读',
  markRead: '标为已读',
  markUnread: '标为未读',
  markAllRead: '全部标为已读',
  remove: '移除',
  close: '关闭',
  loadMore: '加载更多',
  loading: '正在加载…',
  empty: '暂无通知',
  emptyHint: '新的通知会显示在这里。',
  loadFailed: '通知加载失败',
  loadFailedHint: '请检查网络后重试。',
  tryAgain: '重试',
  changeFailed: '操作未能保存，已撤销。',
  reconnecting: '正在重新连接…',
  signedOut: '登录已失效',
  signedOutHint: '重新登录后即可查看通知。',
  justNow: '刚刚',
  keyboardHint: '用方向键在通知之间移动，按 Delete 键移除。',
};

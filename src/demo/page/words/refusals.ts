/** What the server says, in English, and what the page says instead; `$1` is what the first group has found. */
const CHINESE: readonly (readonly [said: RegExp, text: string])[] = [
  [/^The CRM is unavailable for the moment\. Try again\.$/, '系统暂时不可用，请重试。'],
  [/^Log in first: /, '请先登录。'],
  [/^There is no deal \d+\.$/, '该商机不存在。'],
  [/^There is no approval \d+\.$/, '该审批不存在。'],
  [/^Nobody approves what they ask for themselves\.$/, '不能审批自己提出的申请。'],
  [/^"amount" must be at most (\d+), which the deal is worth\.$/, '金额不能超过商机金额 $1。'],
  [/"amount", a whole number of at least 1\.$/, '金额必须是不小于 1 的整数。'],
  [/^Somebody has asked for a discount on this deal already\./, '该商机已有待处理的折扣申请，请等待审批结果。'],
  [/^Somebody else was asked to decide this\.$/, '该申请由其他同事审批。'],
  [/^This has been approved already\.$/, '该申请已被批准。'],
  [/^This has been rejected already\.$/, '该申请已被拒绝。'],
  [/^"at" must be /, '时间必须在今后一年之内。'],
  [/^The first line must name the columns (.+), in any order\.$/, '首行必须包含列名 $1（顺序不限）。'],
  [/^There is no contact below the first line\.$/, '首行之后没有联系人。'],
  [/^(\d+) contacts are too many: (\d+) are allowed at once\.$/, '联系人过多（$1）：一次最多导入 $2 个。'],
  [/^The CSV must be UTF-8\.$/, 'CSV 必须使用 UTF-8 编码。'],
  [/^The CSV is empty\.$/, 'CSV 是空的。'],
  [/^Line (\d+): there must be (\d+) fields, not (\d+)\.$/, '第 $1 行：应有 $2 个字段，实际为 $3 个。'],
  [/^Line (\d+): (\w+) must not be blank\.$/, '第 $1 行：$2 不能为空。'],
  [/^Line (\d+): (\w+) is longer than (\d+) characters\.$/, '第 $1 行：$2 超过 $3 个字符。'],
  [/^Line (\d+): (\w+) must not contain U\+0000\.$/, '第 $1 行：$2 含有非法字符。'],
  [/^Line (\d+): email is no e-mail address\.$/, '第 $1 行：邮箱地址无效。'],
  [/^Line (\d+): a quote is not where quotes belong, or never ends\.$/, '第 $1 行：引号位置有误或没有结束。'],
  [/^Your last import is not finished yet\.$/, '上一次导入尚未完成。'],
  [/^Too much is going on for one more import\./, '当前导入任务过多，请稍后再试。'],
  [/^request entity too large$/i, '文件过大。'],
  [
    /must be 1 to 64 letters or digits; after the first also/,
    "名称须为 1 到 64 个字母或数字，首字符之后还可使用单个空格和 . _ @ ' -。",
  ],
  [/, a string that is not blank\.$/, '内容不能为空。'],
  [/^"\w+" must be at most (\d+) characters\.$/, '内容不能超过 $1 个字符。'],
  [/^"\w+" must not contain U\+0000/, '内容含有非法字符。'],
];

/** In Chinese, what the server has refused something with. */
export function refusalInChinese(message: string): string {
  for (const [said, text] of CHINESE) {
    const found = said.exec(message);
    if (found) return text.replace(/\$(\d)/g, (_, group) => found[Number(group)] ?? '');
  }
  return `请求被拒绝：${message}`;
}

// What the server says of damaged pictures, in acceptance cards and of the rows of an imported file, in Chinese.

import type { Make } from "./said";

export const SHEETS_ZH: [RegExp, Make][] = [
  [/^pictures come with wrong bytes$/, () => "画面数据有误"],
  [/^(\d+%) of pictures damaged$/, ([share]) => `${share} 的画面受损`],
  [/^(\d+) of (\d+) pictures a second$/, ([now, best]) => `每秒 ${now} 帧，应为 ${best} 帧`],
  [/^yes$/, () => "是"],
  [/^nothing$/, () => "无"],
  [/^it sends pictures$/, () => "能发送画面"],
  [/^(\w+) or (\w+)$/, ([one, other]) => `${one} 或 ${other}`],
  [/^at least (\d+x\d+)$/, ([size]) => `至少 ${size}`],
  [/^(\d+) to (\d+)$/, ([least, most]) => `${least} 至 ${most}`],
  [/^at most (\d+) either way$/, ([most]) => `快慢均不超过 ${most}`],
  [/^at most (\d+)$/, ([most]) => `不超过 ${most}`],
  [/^at most (\d+) rows$/, ([most]) => `最多 ${most} 行`],
  [/^a picture that can be decoded$/, () => "画面可以解码"],
  [/^it describes itself$/, () => "能描述自身"],
  [/^a JPEG by HTTP$/, () => "可通过 HTTP 获取 JPEG"],
  [/^a CSV file in UTF-8$/, () => "应为 UTF-8 编码的 CSV 文件"],
  [/^at least one row below the header$/, () => "表头之下至少一行"],
  [/^a header with the columns (.+)$/, ([names]) => `表头应有这些列：${names}`],
  [/^no column (.+); there are (.+)$/, ([name, names]) => `没有 ${name} 这一列；可用的列：${names}`],
  [/^no more than (\d+) fields, as the header has$/, ([most]) => `不超过 ${most} 列，与表头一致`],
  [/^text that does not begin with = .*$/, () => "不能以 = + - @ 开头：表格软件会当作公式"],
  [/^each id once; row (\d+) has this one too$/, ([row]) => `编号重复，与第 ${row} 行相同`],
  [/^there is, or was, another camera of this id$/, () => "此编号已用于另一台摄像机"],
  [/^the one that is stored, or none$/, () => "与已保存的密码不同；请保持一致或留空"],
  [/^no area (\S+)$/, ([area]) => `您的辖区内没有 ${area}`],
  [/^a number from (\d+) to (\d+)$/, ([least, most]) => `应为 ${least} 至 ${most} 的数字`],
  [/^Extra inputs are not permitted$/, () => "没有这一项"],
  [/^Input should be .+ or .+$/, () => "不是可选的值"],
];

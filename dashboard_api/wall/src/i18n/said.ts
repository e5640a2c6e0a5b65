// What the server says in its own English: short sentences, labels, keys of small documents. A reader of another
// language gets them by pattern; what no pattern knows is shown as it came.

import type { Words } from ".";
import { RULES_ZH, ruleTextInChinese } from "./said.rules";
import { SHEETS_ZH } from "./said.sheets";
import { ACTIONS_ZH, KEYS_ZH, LABELS_ZH, NOUNS_ZH } from "./said.words";

/** null: this was not meant after all */
export type Make = (found: string[], words: Words) => string | null;

const ZH: [RegExp, Make][] = [
  // what a rehearsal lacks
  [/^nothing of this range was recorded, or it was deleted since$/, () => "该时段没有录像，或录像已被删除"],
  [
    /^it took longer than (\d+) s: what was recorded after (.+) was not looked at$/,
    ([seconds, at]) => `超过 ${seconds} 秒：未查看 ${at} 之后的录像`,
  ],
  // why an event joined an incident
  [/^camera (\S+) shows it, (.+)$/, ([camera, rest], words) => `摄像机 ${camera} 可见，${words.said(rest!)}`],
  [/^(\d+) m away, (.+)$/, ([metres, rest], words) => `相距 ${metres} 米，${words.said(rest!)}`],
  [/^(\d+) s from its alarm$/, ([seconds]) => `与报警相隔 ${seconds} 秒`],
  [/^(\d+) s from what the camera saw$/, ([seconds]) => `与摄像机所见相隔 ${seconds} 秒`],
  // why an event was raised
  [
    /^(.+) (was inside|crossed) '(.*)' \(version (\d+)\) for (\d+) pictures(?:, score ([\d.]+))?$/,
    ([what, how, rule, version, pictures, score], words) =>
      `${words.label(what!)}${how === "crossed" ? "越过" : "进入"}“${rule}”（第 ${version} 版），连续 ${pictures} 帧` +
      (score ? `，得分 ${score}` : ""),
  ],
  [
    /^(\S+) sent \S+ (\S+)(?:, point (\d+))? as message (\d+)$/,
    ([unit, code, point, seq]) => `${unit} 发来第 ${seq} 条消息，代码 ${code}${point ? `，防区 ${point}` : ""}`,
  ],
  [
    /^([a-z][a-z ]*) of (\S+)(?:: (.+))?$/,
    ([kind = "", source, reason], words) => {
      const known = words.say("kind", kind.replaceAll(" ", "_"));
      return known === kind ? null : `${source}：${known}${reason ? `，${words.said(reason)}` : ""}`;
    },
  ],
  // links to cameras and gaps
  [/^offline$/, () => "离线"],
  [/^silent$/, () => "失联"],
  [/^the link was interrupted$/, () => "连接曾中断"],
  [/^no picture \((\w+)\)$/, ([state], words) => `没有画面（${words.say("link", state)}）`],
  [/^switched off$/, () => "已停用"],
  [/^internal error(?:: (.+))?$/, ([what]) => `内部错误${what ? `：${what}` : ""}`],
  [/^the picture is frozen$/, () => "画面静止不动"],
  [/^sub-stream: (.+)$/, ([reason], words) => `子码流：${words.said(reason!)}`],
  [/^connection refused$/, () => "连接被拒绝"],
  [/^connection lost$/, () => "连接中断"],
  [/^no answer(?: in time)?$/, () => "没有应答"],
  [/^unreachable \((.+)\)$/, ([reason]) => `无法到达（${reason}）`],
  [/^host name not found$/, () => "找不到主机名"],
  [/^no TLS connection \((.+)\)$/, ([reason]) => `无法建立 TLS 连接（${reason}）`],
  [/^wrong user name or password$/, () => "用户名或密码错误"],
  [/^user name and password needed$/, () => "需要用户名和密码"],
  [/^the camera forbids it \(403\)$/, () => "摄像机拒绝访问（403）"],
  [/^no such stream \((\d+)\)$/, ([code]) => `没有这个码流（${code}）`],
  [/^said by the camera itself$/, () => "由摄像机自身报告"],
  [/^no profile with an RTSP address$/, () => "没有可用的 RTSP 码流"],
  [/^no media service$/, () => "没有媒体服务"],
  [/^does not speak HTTP$/, () => "对方不是 HTTP 服务"],
  [/^an answer that is too large$/, () => "应答过大"],
  [/^malformed XML$/, () => "应答不是有效的 XML"],
  [/^answered (\d+) to ONVIF.*$/, ([code]) => `对 ONVIF 应答 ${code}`],
  [/^the camera refuses(?:: (.+))?$/, ([reason]) => `摄像机拒绝${reason ? `：${reason}` : ""}`],
  [/^redirect refused$/, () => "已拒绝重定向"],
  [/^redirect refused \((\d+)\); register the address it leads to$/, ([code]) => `已拒绝重定向（${code}），请登记其指向的地址`],
  [/^does not speak HTTP(?:: .+)?$/, () => "对方不是 HTTP 服务"],
  [/^sends (.+), not MJPEG, JPEG or HLS$/, ([kind]) => `发送的是 ${kind}，不是 MJPEG、JPEG 或 HLS`],
  [/^over TCP: (.+)$/, ([why], words) => `改用 TCP：${words.said(why!)}`],
  [/^no picture came over UDP within ([\d.]+) s$/, ([seconds]) => `UDP 在 ${seconds} 秒内没有画面`],
  [/^the camera does not send this way \(461\)$/, () => "摄像机不支持这种传输方式（461）"],
  [/^its HLS is encrypted, which is not supported$/, () => "HLS 已加密，不支持"],
  [/^its playlist has ended$/, () => "播放列表已结束"],
  [/^no such file$/, () => "没有这个文件"],
  [/^answered (\d+) to (\w+)$/, ([code, method]) => `对 ${method} 应答 ${code}`],
  [/^does not speak RTSP(?:: .+)?$/, () => "对方不是 RTSP 服务"],
  [/^waiting for a publisher$/, () => "等待推流"],
  [/^the publisher left$/, () => "推流端已离开"],
  [/^the publisher is silent$/, () => "推流端没有画面"],
  [/^another publisher of this camera is sending$/, () => "此摄像机已有推流端"],
  [/^the camera ended the stream$/, () => "摄像机结束了码流"],
  [/^it answers, but sends no key frame$/, () => "有应答，但没有关键帧"],
  [
    /^browsers do not play H\.265; give the camera an H\.264 sub-stream$/,
    () => "浏览器无法播放 H.265，请为摄像机配置 H.264 子码流",
  ],
  [/^its pictures cannot be decoded$/, () => "画面无法解码"],
  [/^no video in the session description$/, () => "会话描述中没有视频"],
  [
    /^an address inside the site's camera networks \((\S+) is not\)$/,
    ([address]) => `应在本站允许的摄像机网段之内（${address} 不在其中）`,
  ],
  [/^an IP address or a host name$/, () => "应为 IP 地址或主机名"],
  [/^a path such as (\S+), without spaces or control characters$/, ([path]) => `应为 ${path} 这样的路径，不含空格和控制字符`],
  // refusals
  [/^incident (\d+) is (\w+), not claimed$/, ([id, state], words) => `警情 ${id} ${words.say("state", state)}，尚未接手`],
  [/^incident (\d+) is closed$/, ([id]) => `警情 ${id} 已关闭`],
  [/^incident (\d+) is (\S+)'s$/, ([id, owner]) => `警情 ${id} 由 ${owner} 处理`],
  [/^incident (\d+) is \w+: claim it before closing it$/, ([id]) => `请先接手警情 ${id} 再关闭`],
  [/^incident (\d+) is \w+ by (\S+)$/, ([id, owner]) => `警情 ${id} 已由 ${owner} 处理`],
  [/^(\w+) (\S+) is at version (\d+), not (\d+)$/, ([noun, id, now, then]) => `${NOUNS_ZH[noun!] ?? noun} ${id} 已是第 ${now} 版，而非第 ${then} 版`],
  [/^patrol (\S+) is off duty$/, ([id]) => `巡逻 ${id} 已下班`],
  [/^patrol (\S+) is on an assignment$/, ([id]) => `巡逻 ${id} 正在执行任务`],
  [/^assignment (\d+) has moved meanwhile$/, ([id]) => `任务 ${id} 已有变化`],
  [/^a (unit|patrol) (\S+) exists or existed$/, ([noun, id]) => `${NOUNS_ZH[noun!]} ${id} 已存在或曾经存在`],
  [/^there is, or was, a camera (\S+)$/, ([id]) => `摄像机 ${id} 已存在或曾经存在`],
  [/^there is (?:a user|an area) (\S+) already$/, ([id]) => `${id} 已存在`],
  [/^(\w+) (\S+) was changed meanwhile$/, ([noun, id]) => `${NOUNS_ZH[noun!] ?? noun} ${id} 已被他人更改`],
  [/^a camera has at most (\d+) rules$/, ([most]) => `每台摄像机最多 ${most} 条规则`],
  [/^at least 3 points, has (\d+)$/, ([count]) => `至少三个点，现有 ${count} 个`],
  [/^two points, has (\d+)$/, ([count]) => `应为两个点，现有 ${count} 个`],
  [/^a polygon that encloses something$/, () => "多边形应围住一块区域"],
  [/^the password once more, since the host changes$/, () => "主机已改变，请再次输入密码"],
  [/^(\d+) to (\d+) characters$/, ([least, most]) => `应为 ${least} 到 ${most} 个字符`],
  [/^one that does not hold the user's name$/, () => "密码不能包含用户名"],
  [/^at least one area$/, () => "至少一个辖区"],
  [/^somebody else must take your own account away$/, () => "自己的账户只能由他人停用"],
  [/^the site is set up already$/, () => "站点已完成初始设置"],
  [/^too many live pictures are open$/, () => "打开的实时画面过多"],
  [/^Field required$/, () => "必填"],
  [/^String should have at least (\d+) characters?$/, ([least]) => `至少 ${least} 个字符`],
  [/^String should have at most (\d+) characters?$/, ([most]) => `最多 ${most} 个字符`],
  [/^String should match pattern .*$/, () => "格式不符"],
  [/^Input should be greater than or equal to (\S+)$/, ([least]) => `不能小于 ${least}`],
  [/^Input should be greater than (\S+)$/, ([least]) => `应大于 ${least}`],
  [/^Input should be less than or equal to (\S+)$/, ([most]) => `不能大于 ${most}`],
  [/^Input should be less than (\S+)$/, ([most]) => `应小于 ${most}`],
  [/^Input should be a valid .*$/, () => "格式不符"],
];

export function saidInChinese(text: string, words: Words): string {
  const whole = ruleTextInChinese(text);
  if (whole) return whole;
  for (const [pattern, make] of [...ZH, ...SHEETS_ZH, ...RULES_ZH]) {
    const match = pattern.exec(text);
    const made = match && make(match.slice(1), words);
    if (made) return made;
  }
  // "field: what is expected", as problems name it
  const named = /^([a-z_.]+): (.+)$/.exec(text);
  if (named) return `${words.key(named[1]!)}：${words.said(named[2]!)}`;
  return text;
}

export function labelInChinese(label: string): string {
  return LABELS_ZH[label] ?? label;
}

export function keyInChinese(key: string): string {
  return KEYS_ZH[key] ?? NOUNS_ZH[key] ?? spaced(key);
}

/** "incident.open" is a noun and a verb; each is known on its own too. */
export function actionInChinese(action: string): string {
  const known = ACTIONS_ZH[action];
  if (known) return known;
  const [noun = "", verb = ""] = action.split(".");
  return `${NOUNS_ZH[noun] ?? noun}${ACTIONS_ZH[verb] ?? verb}`;
}

export function spaced(key: string): string {
  return key.replaceAll("_", " ");
}

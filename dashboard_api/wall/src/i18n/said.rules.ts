// What the server says of rules, in Chinese: why an event fired, what a number means, what is wrong with a draft.

import type { Make } from "./said";

const UNITS: Record<string, string> = { s: "秒", m: "米", deg: "度", "km/h": "公里/时", objects: "个", heights: "倍画面高度" };

/** "'Yard' (version 2)", and the score at the end of a sentence */
const RULE = "'(.*)' \\(version (\\d+)\\)";
const SCORE = "(?:, score ([\\d.]+))?";

const scored = (text: string, score: string | undefined): string => (score ? `${text}，得分 ${score}` : text);

/** Sentences that have no parts of their own. */
const TEXTS: Record<string, string> = {
  "Inside for so long is loitering.": "停留达到此时间即为徘徊。",
  "Out of the zone or unseen for less does not end the stay.": "离开区域或未被看到少于此时间，仍算连续停留。",
  "The allowed way in the picture: 0 is right, 90 down.": "画面中允许的方向：0 向右，90 向下。",
  "So far from the allowed way is still allowed.": "偏离允许方向不超过此角度不算逆行。",
  "So far against it, in heights of the picture.": "逆行达到此距离（以画面高度计）。",
  "From the first corner to the second on the ground.": "第 1 角到第 2 角的实地距离。",
  "From the second corner to the third on the ground.": "第 2 角到第 3 角的实地距离。",
  "Faster than this raises the rule.": "超过此速度即触发。",
  "The speed is a mean over so long.": "以此时长内的平均速度为准。",
  "So many at once are a crowd.": "同时达到此数量即为聚集。",
  "So many for so long; single misses of the detector do not count.": "持续此时间；检测器偶尔漏检不影响。",
  "It has stood for so long.": "物品静止达到此时间。",
  "Nobody has been near it for so long.": "附近无人达到此时间。",
  "Near, in heights of the picture.": "“附近”的距离，以画面高度计。",
  "Smaller things are not looked at.": "小于此尺寸的物品不予检查。",
  "It has been away for so long.": "物品消失达到此时间。",
  "The picture has been so for so long.": "画面异常持续此时间。",
  "none: it looks at the whole picture": "无需绘制：检查整个画面",
  "2 different points, has the same one twice": "应为两个不同的点",
  "points that enclose an area, has points on one line": "各点应围住一块区域，不能在一条直线上",
  "at least one day": "至少选择一天",
};

const FAULTS: Record<string, string> = { covered: "被遮挡", defocused: "失焦", moved: "被转动", frozen: "冻结", black: "黑屏" };

export const RULES_ZH: [RegExp, Make][] = [
  [
    new RegExp(`^(.+) stayed in ${RULE} for ([\\d.]+) s${SCORE}$`),
    ([what, rule, version, seconds, score], words) =>
      scored(`${words.label(what!)}在“${rule}”（第 ${version} 版）停留 ${seconds} 秒`, score),
  ],
  [
    new RegExp(`^(.+) went against the way of ${RULE}${SCORE}$`),
    ([what, rule, version, score], words) => scored(`${words.label(what!)}在“${rule}”（第 ${version} 版）逆行`, score),
  ],
  [
    new RegExp(`^(.+) was faster in ${RULE} than ([\\d.]+) km/h${SCORE}$`),
    ([what, rule, version, limit, score], words) =>
      scored(`${words.label(what!)}在“${rule}”（第 ${version} 版）超过 ${limit} 公里/时`, score),
  ],
  [
    new RegExp(`^([\\d.]+) or more were in ${RULE} for ([\\d.]+) s${SCORE}$`),
    ([count, rule, version, seconds, score]) =>
      scored(`“${rule}”（第 ${version} 版）内有 ${count} 个以上目标，持续 ${seconds} 秒`, score),
  ],
  [
    new RegExp(`^something stood in ${RULE} for ([\\d.]+) s, with nobody near it${SCORE}$`),
    ([rule, version, seconds, score]) =>
      scored(`“${rule}”（第 ${version} 版）内有物品静止 ${seconds} 秒，附近无人`, score),
  ],
  [
    new RegExp(`^something was gone from ${RULE} for ([\\d.]+) s${SCORE}$`),
    ([rule, version, seconds, score]) => scored(`“${rule}”（第 ${version} 版）内的物品已消失 ${seconds} 秒`, score),
  ],
  [
    new RegExp(`^the picture was (\\w+) for ([\\d.]+) s, says ${RULE}${SCORE}$`),
    ([fault, seconds, rule, version, score]) =>
      scored(`“${rule}”（第 ${version} 版）：画面${FAULTS[fault!] ?? fault} ${seconds} 秒`, score),
  ],
  // judged again
  [
    /^Judged again over (\d+) looks over ([\d.]+) s(?:: |, )(.+)\.$/,
    ([looks, seconds, what], words) => `按 ${seconds} 秒内的 ${looks} 次观察重新判定：${words.said(what!)}。`,
  ],
  [/^the same verdict at the same look$/, () => "在同一次观察得出相同结论"],
  [/^the rule does not raise at the last$/, () => "最后一次观察时规则未触发"],
  [/^the rule raises at other looks$/, () => "规则在其他观察时触发"],
  [/^the direction is (\w+)$/, ([direction], words) => `方向为${words.say("direction", direction)}`],
  [/^the figures differ: (.+)$/, ([figures]) => `数值不同：${figures}`],
  [/^Judged again, the schedule is not in force at (.+)\.$/, ([at]) => `重新判定：${at} 不在生效时间内。`],
  [/^The event carries no evidence: it cannot be judged again\.$/, () => "此事件没有保存依据，无法重新判定。"],
  [/^Events of kind (.+) cannot be judged again\.$/, ([kind], words) => `“${words.say("rule", kind!.replaceAll(" ", "_"))}”事件无法重新判定。`],
  [/^The evidence cannot be read: (.+)$/, ([what]) => `依据无法读取：${what}`],
  [
    /^([\d.e+]+) to ([\d.e+]+) (s|m|deg|km\/h|objects|heights), has (\S+)$/,
    ([least, most, unit, has]) => `应为 ${least} 至 ${most} ${UNITS[unit!]}，现为 ${has}`,
  ],
  [/^(\d+) points, has (\d+)$/, ([least, has]) => `应有 ${least} 个点，现有 ${has} 个`],
  [/^(\d+) corners in order, has (\d+)$/, ([corners, has]) => `应按顺序有 ${corners} 个角，现有 ${has} 个`],
  [/^\d+ corners in order around the zone, none of them bent inwards$/, () => "四个角应按顺序绕区域一周，且不能内凹"],
  [/^at most (\d+) points, has (\d+)$/, ([most, has]) => `最多 ${most} 个点，现有 ${has} 个`],
  [/^points within 0\.\.1 of the picture, has .+$/, () => "各点应在画面之内"],
  [/^at most (\d+) windows, has (\d+)$/, ([most, has]) => `最多 ${most} 个时段，现有 ${has} 个`],
  [/^HH:MM, sunrise or sunset \(.+\), has '(.*)'$/, ([has]) => `应为 22:30 这样的时间、日出或日落，现为“${has}”`],
  [/^a parameter that .+ takes \((.+)\)$/, ([names]) => `没有这个参数；可用：${names}`],
  [/^of (covered, .+), has (.+)$/, ([, has]) => `不是可选的故障：${has}`],
];

export function ruleTextInChinese(text: string): string | undefined {
  return TEXTS[text];
}

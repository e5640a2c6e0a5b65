// Words about cameras that are found on the network and describe themselves.

export const en = {
  "onvif.find": "Find cameras",
  "onvif.hint": "Asks the camera networks for ONVIF cameras. Choose one, give its user name and password, read its streams.",
  "onvif.none": "No camera answered.",
  "onvif.outside": "{count} answers came from outside the site's camera networks.",
  "onvif.read": "Read its streams",
  "onvif.port": "ONVIF port",
  "onvif.port_hint": "Empty for a camera without ONVIF",
  "onvif.events": "Events from the camera itself",
  "onvif.turn": "Turn to a preset",
  "onvif.turned": "Turned to {name}.",
  "onvif.no_presets": "It has no presets.",
  "onvif.clock": "Its clock is {seconds} s off; events get our time.",
  "onvif.filled": "{maker}: main and sub-stream are filled in.",
  "onvif.filled_main": "{maker}: the main stream is filled in; it has no sub-stream on the same port.",
} as const;

export const zh: Record<keyof typeof en, string> = {
  "onvif.find": "查找摄像机",
  "onvif.hint": "在摄像机网段内查找 ONVIF 摄像机。选择一台，填写用户名和密码，再读取码流。",
  "onvif.none": "没有摄像机应答。",
  "onvif.outside": "有 {count} 个应答来自本站摄像机网段之外。",
  "onvif.read": "读取码流",
  "onvif.port": "ONVIF 端口",
  "onvif.port_hint": "不支持 ONVIF 的摄像机留空",
  "onvif.events": "接收摄像机自身的事件",
  "onvif.turn": "转到预置位",
  "onvif.turned": "已转到 {name}。",
  "onvif.no_presets": "没有预置位。",
  "onvif.clock": "其时钟相差 {seconds} 秒；事件采用本站时间。",
  "onvif.filled": "{maker}：已填入主码流和子码流。",
  "onvif.filled_main": "{maker}：已填入主码流；同一端口上没有子码流。",
};

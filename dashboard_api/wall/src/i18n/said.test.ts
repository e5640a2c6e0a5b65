import { describe, expect, it } from "vitest";
import { Words } from ".";

const zh = new Words("zh-CN");
const en = new Words("en");

describe("what the server says", () => {
  it("stays as it is in English", () => {
    expect(en.said("camera gate shows it, 11 s from its alarm")).toBe("camera gate shows it, 11 s from its alarm");
    expect(en.action("incident.open")).toBe("incident.open");
    expect(en.key("stored_total")).toBe("stored total");
  });

  it("is in Chinese for reasons, gaps and links", () => {
    expect(zh.said("camera gate shows it, 11 s from its alarm")).toBe("摄像机 gate 可见，与报警相隔 11 秒");
    expect(zh.said("45 m away, 3 s from what the camera saw")).toBe("相距 45 米，与摄像机所见相隔 3 秒");
    expect(zh.said("person was inside 'forecourt' (version 1) for 3 pictures, score 0.50")).toBe(
      "人进入“forecourt”（第 1 版），连续 3 帧，得分 0.50",
    );
    expect(zh.said("U000001 sent restore BR, point 2 as message 3")).toBe("U000001 发来第 3 条消息，代码 BR，防区 2");
    expect(zh.said("camera silent of gate: connection refused")).toBe("gate：摄像机无信号，连接被拒绝");
    expect(zh.said("no picture (connecting)")).toBe("没有画面（连接中）");
    expect(zh.said("sub-stream: wrong user name or password")).toBe("子码流：用户名或密码错误");
    expect(zh.said("browsers do not play H.265; give the camera an H.264 sub-stream")).toBe(
      "浏览器无法播放 H.265，请为摄像机配置 H.264 子码流",
    );
  });

  it("names the field of a problem", () => {
    expect(zh.said("host: an address inside the site's camera networks (10.1.2.3 is not)")).toBe(
      "主机：应在本站允许的摄像机网段之内（10.1.2.3 不在其中）",
    );
  });

  it("is shown as it came where no pattern knows it", () => {
    expect(zh.said("something new")).toBe("something new");
    expect(zh.said("no recording of that time")).toBe("no recording of that time");
    expect(zh.label("zebra")).toBe("zebra");
    expect(zh.key("new_counter")).toBe("new counter");
  });

  it("reads an audit action by its noun and verb", () => {
    expect(zh.action("incident.open")).toBe("警情立案");
    expect(zh.action("view.clip")).toBe("查看录像");
  });
});

describe("what the server says of sheets", () => {
  it("is in Chinese for the rows of a file and the checks of a card", () => {
    expect(zh.said("there is, or was, another camera of this id")).toBe("此编号已用于另一台摄像机");
    expect(zh.said("Input should be 'rtsp', 'rtsps' or 'whip'")).toBe("不是可选的值");
    expect(zh.said("at least 640x360")).toBe("至少 640x360");
    expect(zh.said("at most 5 either way")).toBe("快慢均不超过 5");
  });
});

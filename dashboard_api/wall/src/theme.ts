import { createTheme, type CSSVariablesResolver, Input } from "@mantine/core";

/** Calm and dark: greys carry the page, colour is kept for priority and for what is wrong. */
export const theme = createTheme({
  fontFamily:
    'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SFMono-Regular", "Noto Sans Mono", Menlo, Consolas, monospace',
  primaryColor: "steel",
  primaryShade: { light: 6, dark: 5 },
  defaultRadius: "sm",
  autoContrast: true,
  components: {
    // a hint below its field leaves the fields of a row in one line
    InputWrapper: Input.Wrapper.extend({ defaultProps: { inputWrapperOrder: ["label", "input", "description", "error"] } }),
  },
  colors: {
    steel: [
      "#eef4fa",
      "#dce6f0",
      "#b9cde0",
      "#93b2d0",
      "#739bc2",
      "#5c8cba",
      "#4f83b6",
      "#3f709f",
      "#35648f",
      "#25567f",
    ],
    dark: [
      "#d5dde5",
      "#aeb9c4",
      "#8794a1",
      "#5f6c79",
      "#3a4653",
      "#2a343f",
      "#1d252e",
      "#151b22",
      "#0f141a",
      "#0b0f14",
    ],
  },
});

export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {},
  dark: { "--mantine-color-body": "#0d1116", "--mantine-color-dimmed": "#8f9ba8", "--mantine-color-error": "#ff8f87" },
});

import type { KeyboardEvent } from "react";

/** Enter sends, Shift+Enter makes a new line, and Enter inside an input method only ends its word. */
export function sendOnEnter(send: () => void): (event: KeyboardEvent<HTMLTextAreaElement>) => void {
  return (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
}

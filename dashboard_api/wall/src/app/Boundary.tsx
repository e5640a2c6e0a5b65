import { Component, type ReactNode } from "react";
import { type Words, WordsContext } from "../i18n";

interface Props {
  /** another page clears the fault */
  page: string;
  children: ReactNode;
}

/** A fault in one page leaves the frame, its feed state and the other pages standing. */
export class Boundary extends Component<Props, { fault: string | null; page: string }> {
  static override contextType = WordsContext;
  override state = { fault: null, page: this.props.page };

  static getDerivedStateFromError(error: unknown): { fault: string } {
    return { fault: String(error) };
  }

  static getDerivedStateFromProps(props: Props, state: { page: string }): { fault: null; page: string } | null {
    return props.page === state.page ? null : { fault: null, page: props.page };
  }

  override render(): ReactNode {
    if (this.state.fault === null) return this.props.children;
    const { t } = this.context as Words;
    return (
      <div className="page" role="alert" data-testid="page-fault">
        <p className="error">{t("common.fault", { detail: this.state.fault })}</p>
        <button type="button" className="chip" onClick={() => location.reload()}>
          {t("common.retry")}
        </button>
      </div>
    );
  }
}

// What pages bring along that browsers do not: plotly.js, Streamlit's keys.

interface PlotlyElement extends HTMLElement {
  layout: Record<string, any>;
  on(event: string, listener: (change: Record<string, unknown>) => void): void;
}

interface Window {
  Plotly: {
    react(
      plot: HTMLElement, data: object[], layout: object, config: object,
    ): Promise<HTMLElement>;
    purge(plot: HTMLElement): void;
    toImage(
      figure: { data: object[], layout: object },
      options: { format: "png" | "svg", width: number, height: number, scale?: number },
    ): Promise<string>;
  };
  skipvizPacked?: Record<string, string>;
  hotkeys?: { filter?: (event: KeyboardEvent) => boolean };
}

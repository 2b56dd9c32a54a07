package plots

import (
	"bytes"
	"fmt"
	"html"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
	"gonum.org/v1/plot/vg/vgsvg"

	"rrbench/results"
)

// A link marks what stands for a cell in a panel: in an SVG it leads to the cell's row in the run's report.
type link struct {
	x, y float64
	cell *cell
}

// Plot notes where the link is. Other formats have none.
func (l link) Plot(c draw.Canvas, p *plot.Plot) {
	whole := c.Canvas
	for part, ok := whole.(draw.Canvas); ok; part, ok = whole.(draw.Canvas) {
		whole = part.Canvas
	}
	if canvas, ok := whole.(*recording); ok {
		x, y := p.Transforms(&c)
		canvas.links = append(canvas.links, link{x(l.x).Points(), y(l.y).Points(), l.cell})
	}
}

// recording is a drawing without any format, and the links in it, by points of the drawing.
type recording struct {
	recorder.Canvas
	width, height vg.Length
	links         []link
}

// LinkTo is what links of a figure begin with, before a cell's id: a page beside the directory of figures.
const LinkTo = "../" + results.ReportFile + "#cell-"

// svg has the links behind the drawing. The keyboard has the list of cells.
func (r *recording) svg(content *bytes.Buffer) error {
	canvas := vgsvg.New(r.width, r.height)
	if err := r.ReplayOn(canvas); err != nil {
		return err
	}
	var drawing bytes.Buffer
	if _, err := canvas.WriteTo(&drawing); err != nil {
		return err
	}
	// Not every machine has Liberation Sans: name fonts of the same metrics after it.
	named := bytes.ReplaceAll(drawing.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;"))
	before, end, _ := bytes.Cut(named, []byte("</svg>"))
	content.Write(before)
	for _, l := range r.links {
		fmt.Fprintf(content, "<a href=\"%s%s\" tabindex=\"-1\"><title>%s</title><circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill-opacity=\"0\"/></a>\n",
			LinkTo, l.cell.ID(), html.EscapeString(l.cell.Name()), l.x, r.height.Points()-l.y)
	}
	content.WriteString("</svg>")
	content.Write(end)
	return nil
}

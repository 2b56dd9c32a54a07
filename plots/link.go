package plots

import (
	"bytes"
	"fmt"
	"html"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"

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
		canvas.links = append(canvas.links, placed{l.cell, vg.Point{X: x(l.x), Y: y(l.y)}})
	}
}

// recording is a drawing without any format, and the links in it.
type recording struct {
	recorder.Canvas
	links []placed
}

type placed struct {
	*cell
	at vg.Point
}

// LinkTo is what links of a figure begin with, before a cell's id: a page beside the directory of figures.
const LinkTo = "../" + results.ReportFile + "#cell-"

// addLinks puts the links of a drawing of some height into its SVG. The keyboard has the list of cells.
func (r *recording) addLinks(svg []byte, height vg.Length) []byte {
	const end = "</svg>"
	var links bytes.Buffer
	for _, l := range r.links {
		fmt.Fprintf(&links, "<a href=\"%s%s\" tabindex=\"-1\"><title>%s</title><circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill-opacity=\"0\"/></a>\n",
			LinkTo, l.ID(), html.EscapeString(l.Name()), l.at.X.Points(), (height - l.at.Y).Points())
	}
	links.WriteString(end)
	return bytes.Replace(svg, []byte(end), links.Bytes(), 1)
}

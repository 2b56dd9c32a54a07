package plots

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"codeberg.org/go-pdf/fpdf"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/recorder"
)

// pdf makes a PDF of what was drawn. gonum's own canvas makes its fonts in a temporary directory,
// embeds them whole, and knows no letters beyond Windows-1252.
func (r *recording) pdf(content *bytes.Buffer) error {
	page := pdfPage{r.height, fpdf.NewCustom(&fpdf.InitType{UnitStr: "pt", Size: fpdf.SizeType{Wd: r.width.Points(), Ht: r.height.Points()}})}
	// The same run gives the same bytes.
	page.SetCreationDate(time.Unix(0, 0).UTC())
	page.SetModificationDate(time.Unix(0, 0).UTC())
	page.SetCatalogSort(true)
	page.AddUTF8FontFromBytes("LiberationSans", "", liberationsansregular.TTF)
	page.AddPage()
	for _, action := range r.Actions {
		page.draw(action)
	}
	return page.Output(content)
}

type pdfPage struct {
	height vg.Length
	*fpdf.Fpdf
}

// at is a point in fpdf's coordinates, whose origin is at the top left.
func (p pdfPage) at(point vg.Point) (x, y float64) {
	return point.X.Points(), (p.height - point.Y).Points()
}

func (p pdfPage) draw(action recorder.Action) {
	switch a := action.(type) {
	case *recorder.SetLineWidth:
		p.SetLineWidth(a.Width.Points())
	case *recorder.SetLineDash:
		var dashes []float64
		for _, dash := range a.Dashes {
			dashes = append(dashes, dash.Points())
		}
		p.SetDashPattern(dashes, a.Offsets.Points())
	case *recorder.SetColor:
		if a.Color != nil {
			red, green, blue, _ := a.Color.RGBA()
			p.SetDrawColor(int(red>>8), int(green>>8), int(blue>>8))
			p.SetFillColor(int(red>>8), int(green>>8), int(blue>>8))
			p.SetTextColor(int(red>>8), int(green>>8), int(blue>>8))
		}
	case *recorder.Push:
		p.TransformBegin()
	case *recorder.Rotate:
		p.TransformRotate(degrees(a.Angle), 0, p.height.Points())
	case *recorder.Pop:
		p.TransformEnd()
	case *recorder.Stroke:
		if p.GetLineWidth() > 0 {
			p.trace(a.Path)
			p.DrawPath("D")
		}
	case *recorder.Fill:
		p.trace(a.Path)
		p.DrawPath("F")
	case *recorder.FillString:
		if a.Size > 0 {
			p.SetFont("LiberationSans", "", a.Size.Points())
			x, y := p.at(a.Point)
			p.Text(x, y, a.String)
		}
	default:
		p.SetError(fmt.Errorf("no figure does %s", action.Call()))
	}
}

func (p pdfPage) trace(path vg.Path) {
	for _, piece := range path {
		switch x, y := p.at(piece.Pos); piece.Type {
		case vg.MoveComp:
			p.MoveTo(x, y)
		case vg.LineComp:
			p.LineTo(x, y)
		case vg.ArcComp:
			radius := piece.Radius.Points()
			p.ArcTo(x, y, radius, radius, 0, degrees(piece.Start), degrees(piece.Start+piece.Angle))
		case vg.CloseComp:
			p.ClosePath()
		default:
			p.SetError(fmt.Errorf("no figure has a path with %v", piece.Type))
		}
	}
}

func degrees(angle float64) float64 { return angle * 180 / math.Pi }

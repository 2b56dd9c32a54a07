package plots

import (
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgpdf"
)

// pdfCanvas gives vgpdf its text in Windows-1252, the encoding in which vgpdf embeds fonts;
// it passes UTF-8 through as if it were that, and µ becomes two characters.
type pdfCanvas struct{ *vgpdf.Canvas }

var _ vg.CanvasWriterTo = pdfCanvas{}

func (c pdfCanvas) FillString(face font.Face, at vg.Point, words string) {
	encoder := encoding.ReplaceUnsupported(charmap.Windows1252.NewEncoder())
	if encoded, err := encoder.String(words); err == nil {
		words = encoded
	}
	c.Canvas.FillString(face, at, words)
}

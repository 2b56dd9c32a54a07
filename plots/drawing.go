package plots

import (
	"bytes"
	"encoding/csv"
	"io"
	"os"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A drawing is a figure ready to be painted, and the numbers behind it.
type drawing struct {
	width, height vg.Length
	paint         func(draw.Canvas)
	// table is the CSV behind the figure, its header first.
	table [][]string
}

// The widths of a column and of a page of a two-column paper.
const (
	columnWidth = 3.5 * vg.Inch
	pageWidth   = 7.1 * vg.Inch
)

// resolution of a PNG, in dots an inch: what printers ask for line art is not less.
const resolution = 300

var extensions = []string{".png", ".svg", ".pdf", ".csv"}

// write writes the drawing in every format to path and an extension, and returns the
// files' paths.
func (d *drawing) write(path string) ([]string, error) {
	var files []string
	for _, extension := range extensions {
		content, err := d.encode(extension)
		if err != nil {
			return files, err
		}
		if err := os.WriteFile(path+extension, content, 0o644); err != nil {
			return files, err
		}
		files = append(files, path+extension)
	}
	return files, nil
}

func (d *drawing) encode(extension string) ([]byte, error) {
	var content bytes.Buffer
	var err error
	switch extension {
	case ".png":
		canvas := vgimg.NewWith(vgimg.UseWH(d.width, d.height), vgimg.UseDPI(resolution))
		err = d.render(vgimg.PngCanvas{Canvas: canvas}, &content)
	case ".svg":
		if err = d.render(vgsvg.New(d.width, d.height), &content); err == nil {
			return withFallbackFonts(content.Bytes()), nil
		}
	case ".pdf":
		err = d.render(pdfCanvas{vgpdf.New(d.width, d.height)}, &content)
	case ".csv":
		rows := csv.NewWriter(&content)
		err = rows.WriteAll(d.table)
	}
	return content.Bytes(), err
}

func (d *drawing) render(canvas vg.CanvasWriterTo, to io.Writer) error {
	d.paint(draw.New(canvas.(vg.CanvasSizer)))
	_, err := canvas.WriteTo(to)
	return err
}

// withFallbackFonts names fonts of the same metrics after Liberation Sans, which not every
// machine has.
func withFallbackFonts(svg []byte) []byte {
	return bytes.ReplaceAll(svg, []byte("font-family:Liberation Sans;"), []byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;"))
}

package results

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/jszwec/csvutil"

	"rrbench/foreign"
)

func columns[Row any]() []string {
	header, err := csvutil.Header(*new(Row), "csv")
	if err != nil {
		panic(err) // a row's type is a struct
	}
	return header
}

func notes[Row any]() map[string]string {
	all := make(map[string]string)
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Row]()) {
		if name := field.Tag.Get("csv"); name != "" && name != "-" {
			all[name] = field.Tag.Get("note")
		}
	}
	return all
}

func newEncoder(w io.Writer) (*csv.Writer, *csvutil.Encoder) {
	lines := csv.NewWriter(w)
	encoder := csvutil.NewEncoder(lines)
	encoder.AutoHeader = false
	encoder.WithMarshalers(csvutil.NewMarshalers(
		csvutil.MarshalFunc(func(text string) ([]byte, error) { return []byte(oneLine(text)), nil }),
		csvutil.MarshalFunc(func(number float64) ([]byte, error) { return []byte(formatNumber(number)), nil })))
	return lines, encoder
}

// WriteRows writes a CSV file, its header first. A row's type is a struct with tags csv.
func WriteRows[Row any](w io.Writer, rows []Row) error {
	lines, encoder := newEncoder(w)
	if err := errors.Join(encoder.EncodeHeader(*new(Row)), encoder.Encode(rows)); err != nil {
		return err
	}
	lines.Flush()
	return lines.Error()
}

// oneLine makes free text fit into one field of one line.
func oneLine(text string) string { return shorten(foreign.Line(text, len(text)), 1000) }

// rowReader makes rows of the lines below a header. A file may hold its columns in another
// order and more of them, so that a later version's files stay readable.
type rowReader[Row any] struct {
	fields  []string // of the line being read
	header  int
	texts   map[string]string
	decoder *csvutil.Decoder
}

// Read is for the decoder.
func (r *rowReader[Row]) Read() ([]string, error) { return r.fields, nil }

func newRowReader[Row any](header []string) (*rowReader[Row], error) {
	known := make(map[string]bool, len(header))
	for _, name := range header {
		if known[name] {
			return nil, fmt.Errorf("header: column %q occurs twice", name)
		}
		known[name] = true
	}
	if missing := slices.DeleteFunc(columns[Row](), func(name string) bool { return known[name] }); len(missing) > 0 {
		return nil, missingColumns(missing)
	}
	r := &rowReader[Row]{header: len(header), texts: make(map[string]string)}
	decoder, err := csvutil.NewDecoder(r, header...)
	if err != nil {
		return nil, err
	}
	decoder.WithUnmarshalers(csvutil.NewUnmarshalers(
		csvutil.UnmarshalFunc(func(text []byte, into *string) error { *into = r.oneLine(text); return nil }),
		csvutil.UnmarshalFunc(parseWhole[int](0, 1e9)),
		// In nanoseconds 95 years: the difference of two moments with such times between is an int64.
		csvutil.UnmarshalFunc(parseWhole[int64](-3e18, 3e18)),
		csvutil.UnmarshalFunc(parseNumber)))
	r.decoder = decoder
	return r, nil
}

type missingColumns []string

func (m missingColumns) Error() string { return "header: columns missing: " + strings.Join(m, ", ") }

// oneLine is the function of that name. Most rows have the same few texts, which are kept once.
func (r *rowReader[Row]) oneLine(text []byte) string {
	const longest, most = 64, 1 << 12
	if line, known := r.texts[string(text)]; known {
		return line
	}
	line := oneLine(string(text))
	if len(text) <= longest && len(r.texts) < most {
		r.texts[string(text)] = line
	}
	return line
}

func (r *rowReader[Row]) row(line string) (row Row, err error) {
	if r.fields, err = split(r.fields[:0], line); err != nil {
		return row, err
	}
	if len(r.fields) != r.header {
		return row, fmt.Errorf("%d fields where the header has %d", len(r.fields), r.header)
	}
	err = r.decoder.Decode(&row)
	if at, ok := errors.AsType[*csvutil.DecodeError](err); ok {
		err = at.Err
		if wrong, ok := errors.AsType[*csvutil.UnmarshalTypeError](err); ok {
			err = fmt.Errorf("%q is no %v", shorten(wrong.Value, 40), wrong.Type)
		}
		err = fmt.Errorf("column %s: %w", at.Field, err)
	}
	return row, err
}

// Recovered is what a CSV file holds that may have lost its end.
type Recovered[Row any] struct {
	Rows []Row
	// Damage has one error for each line that is no row.
	Damage Damage
	// WholeBytes is the length of the file up to the end of its last complete line.
	WholeBytes int64
	Header     string
}

// recoverRows reads a file of which the writer may have been killed. What is no whole row is left out, and
// named in Damage. The error is one of reading, or a header that lacks columns.
func recoverRows[Row any](r io.Reader) (Recovered[Row], error) {
	var recovered Recovered[Row]
	var rows *rowReader[Row]
	var size int64
	if file, ok := r.(*os.File); ok {
		info, err := file.Stat()
		if err != nil {
			return recovered, err
		}
		size = info.Size()
	}
	reader := bufio.NewReaderSize(r, 1<<16)
	for number := 1; ; number++ {
		line, err := reader.ReadString('\n')
		if err == io.EOF {
			if line != "" {
				recovered.Damage = append(recovered.Damage, fmt.Errorf("line %d is cut short", number))
			}
			return recovered, nil
		}
		if err != nil {
			return recovered, fmt.Errorf("line %d: %w", number, err)
		}
		recovered.WholeBytes += int64(len(line))
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if rows == nil {
			line = strings.TrimPrefix(line, "\ufeff") // spreadsheets begin UTF-8 with it
			recovered.Header = line
			header, err := splitHeader(line)
			if err == nil {
				rows, err = newRowReader[Row](header)
			}
			if err != nil {
				return recovered, fmt.Errorf("line %d: %w", number, err)
			}
			continue
		}
		row, err := rows.row(line)
		if err != nil {
			recovered.Damage = append(recovered.Damage, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		if recovered.Rows == nil {
			// A million rows are not copied as they become more. A sparse file has fewer than its size suggests.
			recovered.Rows = make([]Row, 0, min(size/int64(len(line)+1), 1<<20))
		}
		recovered.Rows = append(recovered.Rows, row)
	}
}

// splitHeader refuses by name what spreadsheets save that is no CSV of this package.
func splitHeader(line string) ([]string, error) {
	switch {
	case strings.HasPrefix(line, "\xff\xfe") || strings.HasPrefix(line, "\xfe\xff"):
		return nil, errors.New("header: the text is UTF-16: save it as UTF-8")
	case strings.ContainsAny(line, ";\t") && !strings.Contains(line, ","):
		return nil, errors.New("header: semicolons or tabs between columns, as some spreadsheets write: save it with commas, and points in decimal numbers")
	}
	return split(nil, line)
}

// split cuts a line into its fields, which it appends. No row has a line break.
func split(fields []string, line string) ([]string, error) {
	if !strings.ContainsAny(line, "\"\r") {
		for field := range strings.SplitSeq(line, ",") {
			fields = append(fields, field)
		}
		return fields, nil
	}
	reader := csv.NewReader(strings.NewReader(line))
	reader.FieldsPerRecord = -1
	fields, err := reader.Read()
	if at, ok := errors.AsType[*csv.ParseError](err); ok {
		return nil, at.Err // its line number would mislead
	}
	if err == nil && reader.InputOffset() < int64(len(line)) {
		err = errors.New("a line break within the row")
	}
	return fields, err
}

func shorten(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "") + "…"
}

// parseWhole reads a whole number within bounds: what is beyond was never measured.
func parseWhole[Int int | int64](least, most Int) func([]byte, *Int) error {
	return func(text []byte, into *Int) error {
		value, err := strconv.ParseInt(string(text), 10, 64)
		switch *into = Int(value); {
		case err != nil:
			return &csvutil.UnmarshalTypeError{Value: string(text), Type: reflect.TypeFor[Int]()}
		case *into < least || *into > most:
			return fmt.Errorf("%d is not within %d to %d", value, least, most)
		}
		return nil
	}
}

// parseNumber reads a number within bounds, in nanoseconds some centuries. One that is missing
// is NaN in memory and nothing in a file.
func parseNumber(text []byte, into *float64) error {
	const least, most = 1e-12, 1e19
	if len(text) == 0 {
		*into = math.NaN()
		return nil
	}
	value, err := strconv.ParseFloat(string(text), 64)
	if magnitude := math.Abs(value); err != nil || value != 0 && !(magnitude >= least && magnitude <= most) {
		return fmt.Errorf("%q is neither 0 nor a number of %v to %v", shorten(string(text), 40), least, most)
	}
	*into = value
	return nil
}

// formatNumber writes three decimals at most, or six significant digits where that is finer.
func formatNumber(value float64) string {
	if !finite(value) {
		return ""
	}
	decimals := 3
	if magnitude := math.Abs(value); magnitude > 0 && magnitude < 100 {
		decimals = 5 - int(math.Floor(math.Log10(magnitude)))
	}
	text := trimZeros(strconv.FormatFloat(value, 'f', decimals, 64))
	if text == "-0" {
		return "0"
	}
	return text
}

package results

import (
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A column is one column of a CSV file: its name, its meaning, and how a row's field turns
// into text and back. The set function of a column leaves the row untouched when it fails.
type column[Row any] struct {
	name string
	note string
	get  func(*Row) string
	set  func(*Row, string) error
}

func names[Row any](columns []column[Row]) []string {
	header := make([]string, len(columns))
	for i := range columns {
		header[i] = columns[i].name
	}
	return header
}

func notes[Row any](columns []column[Row]) map[string]string {
	all := make(map[string]string, len(columns))
	for i := range columns {
		all[columns[i].name] = columns[i].note
	}
	return all
}

// layout says which field of a file's lines feeds each column. A file may hold its columns
// in another order and more of them, so that a later version's files stay readable.
type layout struct {
	fields    int
	positions []int
}

func parseHeader[Row any](header []string, columns []column[Row]) (layout, error) {
	at := make(map[string]int, len(header))
	for i, name := range header {
		if _, twice := at[name]; twice {
			return layout{}, fmt.Errorf("header: column %q occurs twice", name)
		}
		at[name] = i
	}
	l := layout{fields: len(header), positions: make([]int, len(columns))}
	var missing []string
	for i := range columns {
		position, ok := at[columns[i].name]
		if !ok {
			missing = append(missing, columns[i].name)
		}
		l.positions[i] = position
	}
	if len(missing) > 0 {
		return layout{}, fmt.Errorf("header: columns missing: %s", strings.Join(missing, ", "))
	}
	return l, nil
}

func parseRow[Row any](l layout, columns []column[Row], fields []string) (row Row, err error) {
	if len(fields) != l.fields {
		return row, fmt.Errorf("%d fields where the header has %d", len(fields), l.fields)
	}
	for i := range columns {
		text := fields[l.positions[i]]
		if err := columns[i].set(&row, text); err != nil {
			return row, fmt.Errorf("column %s: %q: %v", columns[i].name, shorten(text, 40), cause(err))
		}
	}
	return row, nil
}

// split cuts one line into its fields. Rows are always one line: no field written by this
// package contains a line break.
func split(line string) ([]string, error) {
	if !strings.ContainsAny(line, "\"\r") {
		return strings.Split(line, ","), nil
	}
	reader := csv.NewReader(strings.NewReader(line))
	reader.FieldsPerRecord = -1
	fields, err := reader.Read()
	if err != nil {
		return nil, cause(err)
	}
	if reader.InputOffset() < int64(len(line)) {
		return nil, fmt.Errorf("a line break within the row")
	}
	return fields, nil
}

// cause strips the wrapping of strconv and encoding/csv, whose line numbers and function
// names would mislead here.
func cause(err error) error {
	switch e := err.(type) {
	case *strconv.NumError:
		return e.Err
	case *csv.ParseError:
		return e.Err
	}
	return err
}

// oneLine makes free text fit into one field of one line: control characters become
// spaces, and what is no UTF-8 is dropped.
func oneLine(text string) string {
	clean := func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}
	return shorten(strings.TrimSpace(strings.Map(clean, strings.ToValidUTF8(text, ""))), 1000)
}

// shorten cuts text after at most n bytes, at a character's border.
func shorten(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "") + "…"
}

func textColumn[Row any](name, note string, field func(*Row) *string) column[Row] {
	return column[Row]{name, note,
		func(row *Row) string { return oneLine(*field(row)) },
		func(row *Row, text string) error { *field(row) = text; return nil }}
}

func statusColumn[Row any](name, note string, field func(*Row) *Status) column[Row] {
	return column[Row]{name, note,
		func(row *Row) string { return string(*field(row)) },
		func(row *Row, text string) error {
			switch Status(text) {
			case OK, Skipped, Failed:
				*field(row) = Status(text)
				return nil
			}
			return fmt.Errorf("neither ok, skipped nor failed")
		}}
}

func intColumn[Row any](name, note string, field func(*Row) *int) column[Row] {
	return column[Row]{name, note,
		func(row *Row) string { return strconv.Itoa(*field(row)) },
		func(row *Row, text string) error {
			value, err := strconv.Atoi(text)
			if err != nil {
				return err
			}
			*field(row) = value
			return nil
		}}
}

func int64Column[Row any](name, note string, field func(*Row) *int64) column[Row] {
	return column[Row]{name, note,
		func(row *Row) string { return strconv.FormatInt(*field(row), 10) },
		func(row *Row, text string) error {
			value, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return err
			}
			*field(row) = value
			return nil
		}}
}

func uint64Column[Row any](name, note string, field func(*Row) *uint64) column[Row] {
	return column[Row]{name, note,
		func(row *Row) string { return strconv.FormatUint(*field(row), 10) },
		func(row *Row, text string) error {
			value, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return err
			}
			*field(row) = value
			return nil
		}}
}

// digestColumn is a 64-bit number as 16 hexadecimal digits.
func digestColumn[Row any](name, note string, field func(*Row) *uint64) column[Row] {
	return column[Row]{name, note,
		func(row *Row) string { return fmt.Sprintf("%016x", *field(row)) },
		func(row *Row, text string) error {
			if len(text) != 16 {
				return fmt.Errorf("not 16 hexadecimal digits")
			}
			value, err := strconv.ParseUint(text, 16, 64)
			if err != nil {
				return err
			}
			*field(row) = value
			return nil
		}}
}

// floatColumn is a finite number.
func floatColumn[Row any](name, note string, field func(*Row) *float64) column[Row] {
	return column[Row]{name, note,
		func(row *Row) string {
			if math.IsNaN(*field(row)) || math.IsInf(*field(row), 0) {
				return "0"
			}
			return formatNumber(*field(row))
		},
		func(row *Row, text string) error {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return err
			}
			if math.IsNaN(value) || math.IsInf(value, 0) {
				return fmt.Errorf("not a finite number")
			}
			*field(row) = value
			return nil
		}}
}

// optionalColumn is a number that may be missing: NaN in memory, nothing in the file.
func optionalColumn[Row any](name, note string, field func(*Row) *float64) column[Row] {
	number := floatColumn(name, note, field)
	return column[Row]{name, note,
		func(row *Row) string {
			if math.IsNaN(*field(row)) || math.IsInf(*field(row), 0) {
				return ""
			}
			return number.get(row)
		},
		func(row *Row, text string) error {
			if text == "" {
				*field(row) = math.NaN()
				return nil
			}
			return number.set(row, text)
		}}
}

// formatNumber writes a number in plain decimal notation with three decimals at most, or
// with six significant digits where that is finer.
func formatNumber(value float64) string {
	decimals := 3
	if magnitude := math.Abs(value); magnitude > 0 && magnitude < 100 {
		decimals = 5 - int(math.Floor(math.Log10(magnitude)))
	}
	text := strconv.FormatFloat(value, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		return "0"
	}
	return text
}

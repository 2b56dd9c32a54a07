package sweep

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"rrbench/payloads"
	"rrbench/runtimes"
	"rrbench/transport"
)

// kind describes the valid values of a parameter, in a flag, a file or the plan of a manifest.
type kind struct {
	name string
	// article and bounds together describe a valid value: "an integer from" and "1 to 5".
	article, bounds string
	// tag is the tag that YAML must give to the value; empty where its text alone counts.
	tag string
	// read parses text. The error is errUnmeant where expects is all that there is to say.
	read func(text string) (any, error)
}

var errUnmeant = errors.New("not meant")

var (
	decimal = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
	// octal matches numbers that some programs read in base 8 and others in base 10.
	octal = regexp.MustCompile(`^[+-]?0[0-9]`)
)

func (k kind) expects() string { return strings.TrimSpace(k.article + " " + k.bounds) }

func (k kind) parse(name, text string) (any, error) {
	value, err := k.read(text)
	switch {
	case errors.Is(err, errUnmeant):
		if !decimal.MatchString(text) {
			text = strconv.Quote(text)
		}
		err = fmt.Errorf("%s %s: give %s", name, text, k.expects())
	case err != nil:
		err = named(name, err)
	}
	return value, err
}

func named(name string, err error) error {
	if strings.HasPrefix(err.Error(), name) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

func (k kind) check(name string, value any) error {
	_, err := k.parse(name, fmt.Sprint(value))
	return err
}

func asMeant[T any](value T, meant bool) (any, error) {
	if !meant {
		return nil, errUnmeant
	}
	return value, nil
}

func integer(least, most uint64) kind {
	return kind{"integer", "an integer from", fmt.Sprintf("%d to %d", least, most), "!!int", func(text string) (any, error) {
		n, err := strconv.ParseUint(text, 10, 64)
		return asMeant(n, err == nil && decimal.MatchString(text) && least <= n && n <= most)
	}}
}

func size() kind {
	return kind{"size", "a size such as 64KiB, from", "1B to " + payloads.FormatSize(payloads.MaxSize), "", unlessOctal(payloads.ParseSize)}
}

func amount() kind {
	return kind{"memory", "an amount of memory such as 8GiB", "", "", unlessOctal(payloads.ParseBytes)}
}

func unlessOctal[T any](read func(string) (T, error)) func(string) (any, error) {
	return func(text string) (any, error) {
		if octal.MatchString(text) {
			return nil, errUnmeant
		}
		return read(text)
	}
}

func duration(least, most time.Duration) kind {
	bounds := strings.ReplaceAll(fmt.Sprintf("%v to %v", least, most), "h0m0s", "h")
	return kind{"duration", "a duration such as 30s, from", bounds, "", func(text string) (any, error) {
		d, err := time.ParseDuration(text)
		return asMeant(d, err == nil && !octal.MatchString(text) && least <= d && d <= most)
	}}
}

func percentage(least, most float64) kind {
	bounds := fmt.Sprintf("%g%% to %g%%", 100*least, 100*most)
	return kind{"percentage", "a percentage such as 5%, from", bounds, "", func(text string) (any, error) {
		number, sign := strings.CutSuffix(text, "%")
		percent, err := strconv.ParseFloat(number, 64)
		return asMeant(percent/100, err == nil && sign && !octal.MatchString(text) && least <= percent/100 && percent/100 <= most)
	}}
}

func oneOf[T ~string](names ...T) kind {
	k := kind{"name", "", strings.Trim(strings.ReplaceAll(fmt.Sprint(names), " ", ", "), "[]"), "", func(text string) (any, error) {
		return asMeant(text, slices.Contains(names, T(text)))
	}}
	if len(names) > 1 {
		k.article = "one of"
	}
	return k
}

// text is the kind of names and paths that a terminal and a file can show in one line.
func text(name string, most int) kind {
	return kind{name, fmt.Sprintf("a line of 1 to %d printable characters", most), "", "", func(text string) (any, error) {
		unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
		return asMeant(text, text != "" && len(text) <= most && utf8.ValidString(text) && !strings.ContainsFunc(text, unprintable))
	}}
}

// of is the kind of values that a transport accepts. Its errors do not repeat the value, which may hold a password, unless
// the transport's own error does.
func of(p *transport.Parameter) kind {
	line := text("text", maxText)
	return kind{line.name, line.article, "", "", func(text string) (any, error) {
		if _, err := line.read(text); err != nil {
			return nil, fmt.Errorf("%s: give %s", p.Flag, line.article)
		}
		if _, err := p.Read(text); err != nil && !errors.As(err, new(*transport.Unavailable)) {
			return nil, err
		}
		return text, nil
	}}
}

func command() kind {
	return kind{"command", "NAME='COMMAND {module} {args}'", "", "", func(text string) (any, error) {
		_, err := runtimes.ParseCommand(text)
		return text, err
	}}
}

var handlerForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,200}\.v[0-9]+$`)

func handler() kind {
	return kind{"name", "the name of a runtime of containerd's, like io.containerd.wasmtime.v1", "", "", func(text string) (any, error) {
		return asMeant(text, handlerForm.MatchString(text))
	}}
}

func boolean() kind {
	return kind{"bool", "true or false", "", "!!bool", func(text string) (any, error) {
		return asMeant(text == "true", text == "true" || text == "false")
	}}
}

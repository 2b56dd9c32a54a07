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
	"rrbench/transport"
)

// kind is what the values of a parameter may be: the same for a flag, a configuration file
// and the plan in a manifest.
type kind[T any] struct {
	// name is for help, "integer" for example.
	name string
	// article and bounds say together what to give: "an integer from" and "1 to 5".
	article, bounds string
	// tag is what YAML takes a value for; empty where its text alone counts.
	tag string
	// verb prints a value in an error.
	verb string
	// read makes a value of text. The error is errUnmeant where expects says it all.
	read func(text string) (T, error)
	// meant says whether a value is one of those.
	meant func(T) bool
}

var errUnmeant = errors.New("not meant")

var (
	decimal = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
	// octal is a number that some programs read in base 8, and others do not.
	octal = regexp.MustCompile(`^[+-]?0[0-9]`)
)

// expects says what to give.
func (k kind[T]) expects() string { return strings.TrimSpace(k.article + " " + k.bounds) }

// parse makes a value of what a user has written. The error begins with the name.
func (k kind[T]) parse(name, text string) (T, error) {
	value, err := k.read(text)
	switch {
	case err == nil:
		return value, k.check(name, value)
	case !errors.Is(err, errUnmeant):
		if !strings.HasPrefix(err.Error(), name) {
			err = fmt.Errorf("%s: %w", name, err)
		}
	case decimal.MatchString(text):
		err = fmt.Errorf("%s %s: give %s", name, text, k.expects())
	default:
		err = fmt.Errorf("%s %q: give %s", name, text, k.expects())
	}
	return value, err
}

// check is parse for a value that was not written as text, or not by a user.
func (k kind[T]) check(name string, value T) error {
	if k.meant(value) {
		return nil
	}
	return fmt.Errorf("%s "+k.verb+": give %s", name, value, k.expects())
}

func integer[T int | uint64](least, most T) kind[T] {
	return kind[T]{
		name: "integer", article: "an integer from", bounds: fmt.Sprintf("%d to %d", least, most), tag: "!!int", verb: "%d",
		read: func(text string) (T, error) {
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil || !decimal.MatchString(text) || n > uint64(most) {
				return 0, errUnmeant
			}
			return T(n), nil
		},
		meant: func(n T) bool { return least <= n && n <= most },
	}
}

// size is of a payload, in bytes.
func size() kind[Size] {
	return kind[Size]{
		name: "size", article: "a size such as 64KiB, from", bounds: "1B to " + payloads.FormatSize(payloads.MaxSize), verb: "%d",
		read: func(text string) (Size, error) {
			if octal.MatchString(text) {
				return 0, errUnmeant
			}
			bytes, err := payloads.ParseSize(text)
			return Size(bytes), err
		},
		meant: func(bytes Size) bool { return 1 <= bytes && bytes <= payloads.MaxSize },
	}
}

func duration(least, most time.Duration) kind[time.Duration] {
	bounds := strings.ReplaceAll(fmt.Sprintf("%v to %v", least, most), "h0m0s", "h")
	return kind[time.Duration]{
		name: "duration", article: "a duration such as 30s, from", bounds: bounds, verb: "%v",
		read: func(text string) (time.Duration, error) {
			d, err := time.ParseDuration(text)
			if err != nil || octal.MatchString(text) {
				return 0, errUnmeant
			}
			return d, nil
		},
		meant: func(d time.Duration) bool { return least <= d && d <= most },
	}
}

func oneOf[T ~string](names ...T) kind[T] {
	k := kind[T]{
		name: "name", verb: "%q",
		read:  func(text string) (T, error) { return T(text), nil },
		meant: func(name T) bool { return slices.Contains(names, name) },
	}
	if len(names) > 1 {
		k.article = "one of"
	}
	for i, name := range names {
		if i > 0 {
			k.bounds += ", "
		}
		k.bounds += string(name)
	}
	return k
}

// text is what a terminal and a file can show in one line: a name, or a path.
func text(name string, most int) kind[string] {
	return kind[string]{
		name: name, article: fmt.Sprintf("a line of 1 to %d printable characters", most), verb: "%q",
		read: func(text string) (string, error) { return text, nil },
		meant: func(text string) bool {
			unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
			return text != "" && len(text) <= most && utf8.ValidString(text) && !strings.ContainsFunc(text, unprintable)
		},
	}
}

// of is what a transport accepts. What this machine lacks is not the value's fault. Errors leave
// it to the transport to repeat a value, which may hold a password.
func of(p *transport.Parameter) kind[string] {
	k := text("text", maxText)
	k.read = func(text string) (string, error) {
		var missing *transport.Unavailable
		if !k.meant(text) {
			return "", fmt.Errorf("%s: give %s", p.Flag, k.expects())
		}
		if _, err := p.Read(text); err != nil && !errors.As(err, &missing) {
			return "", err
		}
		return text, nil
	}
	return k
}

func boolean() kind[bool] {
	return kind[bool]{
		name: "bool", article: "true or false", tag: "!!bool", verb: "%v",
		read: func(text string) (bool, error) {
			if text != "true" && text != "false" {
				return false, errUnmeant
			}
			return text == "true", nil
		},
		meant: func(bool) bool { return true },
	}
}

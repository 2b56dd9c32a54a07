package claims

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"rrbench/results"
)

// Verdict is the judgement of a claim by a run.
type Verdict string

const (
	// Reproduced: the whole interval lies within the tolerance, and in the direction claimed.
	Reproduced Verdict = "reproduced"
	// Larger and Smaller: the whole interval lies beyond the tolerance; the effect has the direction
	// claimed, and more or less of it. Where no direction is claimed it is the number that is larger or smaller.
	Larger  Verdict = "larger"
	Smaller Verdict = "smaller"
	// Contradicted: the whole interval lies in the other direction.
	Contradicted Verdict = "contradicted"
	// Undecided: the interval reaches over one of these borders, or there is none.
	Undecided Verdict = "undecided"
	NotTested Verdict = "not tested"
)

type form int

const (
	change form = iota
	times
	share
)

// Published is a published ratio, or a range of them.
type Published struct {
	// Text is as in the claims file. Lo and Hi are ratios, equal for one value.
	Text   string
	Lo, Hi float64
	form   form
}

var publishedForm = regexp.MustCompile(`^(<=\s*)?([-+]?[0-9.]+?)(?:\.\.([-+]?[0-9.]+))?\s*(%|x|×)$`)

// UnmarshalYAML reads the text.
func (p *Published) UnmarshalYAML(node *yaml.Node) error {
	parts := publishedForm.FindStringSubmatch(node.Value)
	if parts == nil {
		return fmt.Errorf(`line %d: published %q is neither a change as "-88.7 %%", a ratio as "59.6 x", a share as "54.6 %%" nor a range as "0.45..1.26 x" or "<= 0.1 x"`, node.Line, node.Value)
	}
	p.Text, p.form = node.Value, times
	if parts[4] == "%" {
		p.form = share
		if strings.ContainsAny(parts[2][:1], "+-") {
			p.form = change
		}
	}
	number := func(text string) (float64, error) {
		value, err := strconv.ParseFloat(text, 64)
		switch p.form {
		case change:
			value = 1 + value/100
		case share:
			value /= 100
		}
		if err != nil || !(value > 0) {
			return value, fmt.Errorf("line %d: published %q has no positive ratio", node.Line, node.Value)
		}
		return value, nil
	}
	var err error
	if p.Lo, err = number(parts[2]); err != nil {
		return err
	}
	p.Hi = p.Lo
	switch {
	case parts[1] != "":
		p.Lo = 0
	case parts[3] != "":
		p.Hi, err = number(parts[3])
	}
	if err == nil && p.Hi < p.Lo {
		err = fmt.Errorf("line %d: published %q ends before it begins", node.Line, node.Value)
	}
	return err
}

func (p Published) format(value, lo, hi float64) string {
	if math.IsNaN(value) {
		return ""
	}
	text := p.one(value)
	if !math.IsNaN(lo) {
		text += fmt.Sprintf(" [%s, %s]", p.one(lo), p.one(hi))
	}
	return text + p.unit()
}

func (p Published) unit() string {
	if p.form == times {
		return " ×"
	}
	return " %"
}

// one writes a ratio without its unit; of what is nearly all of something there are more digits.
func (p Published) one(ratio float64) string {
	switch p.form {
	case change:
		decimals := 1
		if ratio > 0 && ratio < 0.01 {
			decimals = int(-math.Log10(ratio))
		}
		return fmt.Sprintf("%+.*f", min(decimals, 6), 100*(ratio-1))
	case share:
		return strconv.FormatFloat(100*ratio, 'f', 1, 64)
	}
	return strconv.FormatFloat(ratio, 'g', 3, 64)
}

// direction is -1 for a reduction, 1 for an increase, 0 for a share or a range that holds both.
func (p Published) direction() int {
	switch {
	case p.form == share:
		return 0
	case p.Hi < 1:
		return -1
	case p.Lo > 1:
		return 1
	}
	return 0
}

// Judge gives the verdict of the whole interval, or the reason why there is none. Both are ratios.
func Judge(published Published, tolerance float64, here results.Estimate) (Verdict, string) {
	if math.IsNaN(here.Value) {
		return NotTested, "there is no ratio: not every start has a positive number"
	}
	if math.IsNaN(here.Lo) || math.IsNaN(here.Hi) {
		return Undecided, "no interval, it takes 3 starts on both sides"
	}
	low, high, direction := published.Lo/tolerance, published.Hi*tolerance, published.direction()
	// What is reproduced has the direction claimed.
	switch direction {
	case -1:
		high = min(high, 1)
	case 1:
		low = max(low, 1)
	}
	above, below := Larger, Smaller
	if direction < 0 {
		above, below = Smaller, Larger
	}
	switch {
	case direction < 0 && here.Lo >= 1, direction > 0 && here.Hi <= 1:
		return Contradicted, ""
	case here.Lo >= low && here.Hi <= high:
		return Reproduced, ""
	case here.Lo > high && !(direction < 0 && here.Hi >= 1):
		return above, ""
	case here.Hi < low && !(direction > 0 && here.Lo <= 1):
		return below, ""
	}
	return Undecided, fmt.Sprintf("reproduced is within [%s, %s]%s", published.one(low), published.one(high), published.unit())
}

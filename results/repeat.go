package results

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ID names a cell by 12 digits of a hash of its columns, in every run the same.
func (p Point) ID() string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(benchmarkName(p))))[:12]
}

// ID is the cell's.
func (s *Summary) ID() string { return s.Point().ID() }

// A Setting is a flag of rrbench sweep, or a key of its configuration files, without dashes.
type Setting struct {
	Name, Value string
	Place
}

type Place int

const (
	// ListPlace has a list of values, OnePlace one, WholePlace one for all experiments.
	ListPlace Place = iota
	OnePlace
	WholePlace
)

type planned struct {
	Seed     *uint64       `json:"seed"`
	Warmup   *int          `json:"warmup"`
	Deadline time.Duration `json:"deadline_ns"`
	Cells    []plannedCell `json:"cells"`
}

type plannedCell struct {
	Point
	Reps      int    `json:"reps"`
	Starts    int    `json:"starts"`
	More      int    `json:"more_starts"`
	Payload   string `json:"payload"`
	Guest     string `json:"guest"`
	Parameter string `json:"parameter"`
	Kind      string `json:"kind"`
	Command   string `json:"command"`
	Full      bool   `json:"full"`
}

// Settings returns the settings that measure a cell again as the run did, and its parameter where the manifest does not
// have the flag of it. Without a readable plan there are none for repetitions, seed and guest.
func (m *Manifest) Settings() func(*Summary) (settings []Setting, parameter string) {
	var plan planned
	if json.Unmarshal(m.Plan, &plan) != nil {
		plan = planned{}
	}
	cells := make(map[Point]*plannedCell)
	for i := range plan.Cells {
		p := plan.Cells[i].Point
		p.Route = "" // known when the cell has run
		cells[p] = &plan.Cells[i]
	}
	return func(s *Summary) ([]Setting, string) {
		p := s.Point()
		p.Route, p.Phase = "", "" // a run has all of its phases
		cell := cells[p]
		if cell == nil {
			cell = new(plannedCell)
		}
		if p.IsProgram() {
			return cell.programSettings(&plan), ""
		}
		engine, _, _ := strings.Cut(p.Engine, "+")
		size := strconv.FormatInt(p.SizeBytes, 10) + "B"
		if p.SizeMix != "" {
			size = ""
		}
		// Rounds that are the same for all starts were asked for so, or make no difference.
		reps, starts, rounds := cell.Reps, 0, 0
		if cell.Starts > 0 && reps%cell.Starts == 0 {
			reps, starts, rounds = 0, cell.Starts+cell.More, reps/cell.Starts
		}
		settings := plan.ofRun([]Setting{
			{"transports", p.Transport, ListPlace}, {"engines", unless(engine, "native"), ListPlace}, {"codecs", unless(p.Codec, "none"), ListPlace}, {"placement", p.Placement, ListPlace},
			{"sizes", size, ListPlace}, {"size-mix", p.SizeMix, ListPlace}, {"fanout", number(p.Fanout), ListPlace}, {"fanout-order", p.FanoutOrder, ListPlace},
			{"fanin", number(p.Fanin), ListPlace}, {"launcher", p.Launcher, ListPlace}, {"concurrency", number(p.Concurrency), ListPlace},
			{"rate", number(int(p.Rate)), ListPlace}, {"origin", p.Origin, ListPlace}, {"consume", p.Consume, ListPlace},
			{"reps", number(reps), OnePlace}, {"starts", number(starts), OnePlace}, {"rounds", number(rounds), OnePlace},
			{"payload", cell.Payload, OnePlace}, {"guest", cell.Guest, OnePlace},
		}, true)
		parameter := cell.Parameter
		if flag := m.Transports.Of(p.Transport).Flag; flag != "" && parameter != "" {
			settings, parameter = append(settings, Setting{flag, parameter, OnePlace}), ""
		}
		return settings, parameter
	}
}

func number(n int) string { return unless(strconv.Itoa(n), "0") }

// unless is the text, and empty where the text stands for nothing.
func unless(text, nothing string) string {
	if text == nothing {
		return ""
	}
	return text
}

func (c *plannedCell) programSettings(plan *planned) []Setting {
	return plan.ofRun([]Setting{
		{"experiment", c.Kind, OnePlace}, {"transports", c.Transport, ListPlace}, {"engines", c.Engine, ListPlace}, {"launcher", c.Launcher, ListPlace},
		{"runtime", c.Command, ListPlace}, {"full", unless(strconv.FormatBool(c.Full), "false"), OnePlace}, {"starts", strconv.Itoa(c.Starts + c.More), OnePlace}, {"rounds", "1", OnePlace},
	}, false)
}

// ofRun adds what is one for a run, of hand-offs also how they were repeated, and leaves out what has no value.
func (p *planned) ofRun(settings []Setting, handoffs bool) []Setting {
	if handoffs && p.Seed != nil && p.Warmup != nil {
		settings = append(settings, Setting{"warmup", strconv.Itoa(*p.Warmup), WholePlace}, Setting{"seed", strconv.FormatUint(*p.Seed, 10), WholePlace})
	}
	if p.Deadline > 0 {
		settings = append(settings, Setting{"deadline", p.Deadline.String(), WholePlace})
	}
	return slices.DeleteFunc(settings, func(s Setting) bool { return s.Value == "" })
}

// CommandOf is the command line that measures a cell by its settings. Between two nodes $RRBENCH_PEER names
// the other one.
func CommandOf(settings []Setting) string {
	line := "rrbench sweep"
	for _, s := range settings {
		line += " --" + s.Name
		if s.Value != "true" { // a flag that is given or not
			line += " " + Quote(s.Value)
		}
	}
	return line
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// Quote makes one word of a text, for a shell.
func Quote(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

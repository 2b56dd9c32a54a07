package results

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ID names a cell in figures' CSVs, in reports and in bundles: 12 digits of a hash of its columns, the same
// in every run that has the cell.
func (p Point) ID() string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(benchmarkName(p))))[:12]
}

// ID is the cell's.
func (s *Summary) ID() string { return s.point().ID() }

// A Setting is a flag of rrbench sweep, or a key of its configuration files, without dashes.
type Setting struct {
	Name, Value string
	// List says that a configuration file has a list of values there, Whole that it has one value for
	// all experiments.
	List, Whole bool
}

// planned is what a plan says of how cells are measured.
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
	// Of programs.
	Kind    string `json:"kind"`
	Command string `json:"command"`
	Full    bool   `json:"full"`
}

// Settings returns what measures a cell again as the run has, and the parameter that its transport alone
// has, where the manifest does not say by which flag. A manifest without a readable plan says nothing of repetitions, seed and guest.
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
		p := s.point()
		p.Route, p.Phase = "", "" // a run has all of its phases
		cell := cells[p]
		if cell == nil {
			cell = new(plannedCell)
		}
		if p.IsProgram() {
			return cell.programSettings(&plan), ""
		}
		engine, _, _ := strings.Cut(p.Engine, "+")
		if engine == "native" {
			engine = ""
		}
		codec := p.Codec
		if codec == "none" {
			codec = ""
		}
		size := strconv.FormatInt(p.SizeBytes, 10) + "B"
		if p.SizeMix != "" {
			size = ""
		}
		number := func(n int) string {
			if n == 0 {
				return ""
			}
			return strconv.Itoa(n)
		}
		// Rounds that are the same for all starts were asked for so, or make no difference.
		reps, starts, rounds := cell.Reps, 0, 0
		if cell.Starts > 0 && reps%cell.Starts == 0 {
			reps, starts, rounds = 0, cell.Starts+cell.More, reps/cell.Starts
		}
		settings := []Setting{
			{"transports", p.Transport, true, false}, {"engines", engine, true, false}, {"codecs", codec, true, false}, {"placement", p.Placement, true, false},
			{"sizes", size, true, false}, {"size-mix", p.SizeMix, true, false}, {"fanout", number(p.Fanout), true, false}, {"fanout-order", p.FanoutOrder, true, false}, {"fanin", number(p.Fanin), true, false}, {"launcher", p.Launcher, true, false},
			{"concurrency", number(p.Concurrency), true, false}, {"rate", number(int(p.Rate)), true, false}, {"origin", p.Origin, true, false}, {"consume", p.Consume, true, false},
			{"reps", number(reps), false, false}, {"starts", number(starts), false, false}, {"rounds", number(rounds), false, false}, {"payload", cell.Payload, false, false}, {"guest", cell.Guest, false, false},
		}
		if plan.Seed != nil && plan.Warmup != nil {
			settings = append(settings, Setting{"warmup", strconv.Itoa(*plan.Warmup), false, true}, Setting{"seed", strconv.FormatUint(*plan.Seed, 10), false, true})
		}
		if plan.Deadline > 0 {
			settings = append(settings, Setting{"deadline", plan.Deadline.String(), false, true})
		}
		parameter := cell.Parameter
		if flag := m.Transports.Of(p.Transport).Flag; flag != "" && parameter != "" {
			settings, parameter = append(settings, Setting{flag, parameter, false, false}), ""
		}
		kept := settings[:0]
		for _, setting := range settings {
			if setting.Value != "" {
				kept = append(kept, setting)
			}
		}
		return kept, parameter
	}
}

// programSettings are those of a program's runs, each a start of its own.
func (c *plannedCell) programSettings(plan *planned) []Setting {
	settings := []Setting{{"experiment", c.Kind, false, false}, {"transports", c.Transport, true, false}, {"engines", c.Engine, true, false}, {"launcher", c.Launcher, true, false}}
	if c.Command != "" {
		settings = append(settings, Setting{"runtime", c.Command, true, false})
	}
	if c.Full {
		settings = append(settings, Setting{"full", "true", false, false})
	}
	settings = append(settings, Setting{"starts", strconv.Itoa(c.Starts + c.More), false, false}, Setting{"rounds", "1", false, false})
	if plan.Deadline > 0 {
		settings = append(settings, Setting{"deadline", plan.Deadline.String(), false, true})
	}
	return settings
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

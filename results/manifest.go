package results

import (
	"encoding/json"
	"fmt"
	"runtime"
	"time"

	"rrbench/measure"
)

// Manifest says how the numbers of a run came about.
type Manifest struct {
	// Name is the preset, or "sweep".
	Name string `json:"name"`
	// Command is the command line, the program first.
	Command []Text `json:"command"`
	// Inputs are the files that the run depends on.
	Inputs []Input `json:"inputs,omitempty"`
	// Seed makes the order of the cells and the payloads.
	Seed uint64 `json:"seed"`
	// Plan is the sweep's own description of what was to run.
	Plan json.RawMessage `json:"plan,omitempty"`
	// Transports are those of the plan; none in runs of earlier versions.
	Transports Transports `json:"transports,omitempty"`
	Versions   Versions   `json:"versions"`
	// Before and After are the machine at the start and at the end.
	Before measure.Environment  `json:"environment_before"`
	After  *measure.Environment `json:"environment_after,omitempty"`
	// Peers are the other nodes that took part, as they were at the start or the last resume.
	Peers []Peer    `json:"peers,omitempty"`
	Start time.Time `json:"start"`
	// End is missing while the run goes on, and for ever when it was killed.
	End *time.Time `json:"end,omitempty"`
	// Resumed are the parts of a broken run that were measured when it was taken up again.
	Resumed []Segment `json:"segments_resumed,omitempty"`
	// Mixed says that these, or the first part, were measured by other programs or on other
	// machines than the rest, and by which; empty where they were not.
	Mixed string `json:"mixed,omitempty"`
	// Shims has the Go environment of shims of WebAssembly ("wasm") and of native ones ("native").
	Shims map[string][]string `json:"shim_environment,omitempty"`
	// Cells and Trials count outcomes.
	Cells  Counts `json:"cells"`
	Trials Counts `json:"trials"`
	// TickNs is the length of a tick of the clock that tells user from kernel mode, DefaultTick
	// where it is not known.
	TickNs int64 `json:"cpu_tick_ns,omitempty"`
	// SetUps are the functions' starts, those of earlier parts of a resumed run included.
	SetUps SetUps `json:"set_ups,omitempty"`
	// MeasuredNs of TookNs went by in warm-ups, windows and rounds, in all parts of the run.
	MeasuredNs int64 `json:"measured_ns,omitempty"`
	TookNs     int64 `json:"took_ns,omitempty"`
	// Noise is what the run's cells that were measured twice differ by.
	Noise []Noise `json:"noise,omitempty"`
	// Warnings are what a reader of the numbers must know, one line each.
	Warnings []string `json:"warnings,omitempty"`
	// Columns explains the columns of each CSV file.
	Columns map[string]map[string]string `json:"columns"`
}

// Segment is a part of a run that one process has measured.
type Segment struct {
	Start       time.Time           `json:"start"`
	Command     []Text              `json:"command"`
	Program     Program             `json:"program"`
	Environment measure.Environment `json:"environment"`
}

// Program is a build of this program.
type Program struct {
	// Version is its commit; Digest is the SHA-256 of its file.
	Version string `json:"version"`
	Digest  string `json:"sha256"`
}

// Versions that are no commit, and what stands behind one whose sources were changed.
const (
	UnknownVersion = "unknown"
	Modified       = ", modified"
)

func (p Program) String() string { return fmt.Sprintf("%s (sha256:%s)", p.Version, p.Digest) }

// Segments are the parts of a run, in the order in which they were measured.
func (m *Manifest) Segments() []Segment {
	first := Segment{m.Start, m.Command, Program{m.Versions.Program, m.Versions.ProgramDigest}, m.Before}
	return append([]Segment{first}, m.Resumed...)
}

// Versions names the software that was measured.
type Versions struct {
	Program string `json:"program"`
	// ProgramDigest is the SHA-256 of its file.
	ProgramDigest string            `json:"program_sha256,omitempty"`
	Go            string            `json:"go"`
	Engines       map[string]string `json:"engines,omitempty"`
	Servers       map[string]string `json:"servers,omitempty"`
	// Runtimes are commands that ran programs.
	Runtimes map[string]string `json:"runtimes,omitempty"`
}

// Counts counts outcomes.
type Counts struct {
	OK      int `json:"ok"`
	Skipped int `json:"skipped"`
	Failed  int `json:"failed"`
}

// Add counts one more.
func (c *Counts) Add(status Status) {
	switch status {
	case OK:
		c.OK++
	case Skipped:
		c.Skipped++
	case Failed:
		c.Failed++
	}
}

// NewManifest begins a manifest: the environment, the start and the column notes are set.
func NewManifest() Manifest {
	return Manifest{
		Versions: Versions{Go: runtime.Version()},
		Before:   measure.ReadEnvironment(),
		Start:    time.Now().UTC(),
		TickNs:   measure.Tick(),
		Columns: map[string]map[string]string{
			trialsFile: notes[Trial](), windowsFile: notes[Window](), summaryFile: notes[Summary](),
		},
	}
}

// Finish completes a manifest with the run's outcome, the environment and the end.
func (m *Manifest) Finish(trials []Trial, summaries []Summary) {
	m.Cells, m.Trials, m.Warnings = Counts{}, Counts{}, nil
	for i := range trials {
		m.Trials.Add(trials[i].Status)
	}
	for i := range summaries {
		m.Cells.Add(summaries[i].Status)
	}
	environment, end := measure.ReadEnvironment(), time.Now().UTC()
	m.After, m.End = &environment, &end
	if m.Mixed != "" {
		m.Warnings = append(m.Warnings, m.Mixed)
	}
	m.Noise = NoiseOf(trials)
	m.Warnings = append(append(m.Warnings, Warnings(summaries, m.Transports, m.Noise)...), environment.Restrictions()...)
	segments := m.Segments()
	m.Warnings = append(m.Warnings, environment.NoiseSince(&segments[len(segments)-1].Environment)...)
}

func (m Manifest) encode() ([]byte, error) {
	content, err := json.MarshalIndent(m, "", "  ")
	return append(content, '\n'), err
}

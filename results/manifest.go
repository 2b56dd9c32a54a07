package results

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"rrbench/measure"
)

// Manifest is how the numbers of a run came about.
type Manifest struct {
	// Name is the preset, or "sweep".
	Name    string  `json:"name"`
	Command []Text  `json:"command"`
	Inputs  []Input `json:"inputs,omitempty"`
	Seed    uint64  `json:"seed"`
	// Plan is the sweep's own description of what was to run.
	Plan json.RawMessage `json:"plan,omitempty"`
	// Transports are those of the plan; none in runs of earlier versions.
	Transports Transports           `json:"transports,omitempty"`
	Versions   Versions             `json:"versions"`
	Before     measure.Environment  `json:"environment_before"`
	After      *measure.Environment `json:"environment_after,omitempty"`
	// Peers are the other nodes that took part, as they were at the start or the last resume.
	Peers []Peer    `json:"peers,omitempty"`
	Start time.Time `json:"start"`
	// End is missing while the run goes on, and for ever when it was killed.
	End *time.Time `json:"end,omitempty"`
	// Resumed are the parts of a broken run that were measured when it was taken up again.
	Resumed []Segment `json:"segments_resumed,omitempty"`
	// Mixed is a line on those parts, the first one included, that were measured by other programs or on other
	// machines than the rest, and by which; empty where they were not.
	Mixed string `json:"mixed,omitempty"`
	// Shims has the Go environment of shims of WebAssembly ("wasm") and of native ones ("native").
	Shims  map[string][]string `json:"shim_environment,omitempty"`
	Cells  Counts              `json:"cells"`
	Trials Counts              `json:"trials"`
	// TickNs is the length of a tick of the clock that divides user from kernel mode, DefaultTick
	// where it is not known.
	TickNs int64 `json:"cpu_tick_ns,omitempty"`
	// SetUps are the functions' starts, those of earlier parts of a resumed run included.
	SetUps SetUps `json:"set_ups,omitempty"`
	// MeasuredNs of TookNs went by in warm-ups, windows and rounds, in all parts of the run.
	MeasuredNs int64                        `json:"measured_ns,omitempty"`
	TookNs     int64                        `json:"took_ns,omitempty"`
	Noise      []Noise                      `json:"noise,omitempty"`
	Warnings   []string                     `json:"warnings,omitempty"`
	Columns    map[string]map[string]string `json:"columns"`
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
	Program       string            `json:"program"`
	ProgramDigest string            `json:"program_sha256,omitempty"`
	Go            string            `json:"go"`
	Engines       map[string]string `json:"engines,omitempty"`
	Servers       map[string]string `json:"servers,omitempty"`
	Runtimes      map[string]string `json:"runtimes,omitempty"`
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
	m.After, m.End, m.Noise = &environment, &end, NoiseOf(trials)
	if m.Mixed != "" {
		m.Warnings = append(m.Warnings, m.Mixed)
	}
	segments := m.Segments()
	m.Warnings = slices.Concat(m.Warnings, Warnings(summaries, m.Transports, m.Noise), environment.Restrictions(),
		environment.NoiseSince(&segments[len(segments)-1].Environment))
}

// Peer is another node that took part in a run.
type Peer struct {
	Address     string              `json:"address"`
	Program     Program             `json:"program"`
	Environment measure.Environment `json:"environment"`
	Engines     map[string]string   `json:"engines,omitempty"`
	Link        measure.Link        `json:"link"`
}

// Input is a file that a run depends on, known by its content.
type Input struct {
	Kind InputKind `json:"kind"`
	// Name is what the plan calls a guest.
	Name string `json:"name,omitempty"`
	// Path is absolute. Pipe marks a path at which there is nothing to read again.
	Path   Text   `json:"path"`
	Pipe   bool   `json:"pipe,omitempty"`
	Digest string `json:"sha256"`
}

// InputKind is what a run has a file for.
type InputKind string

const (
	GuestInput         InputKind = "guest"
	ConfigurationInput InputKind = "configuration"
	CrossoversInput    InputKind = "crossovers"
	// ProgramInput is a program other than this one.
	ProgramInput InputKind = "program"
)

// Text need not be UTF-8, as paths need not: JSON has its bytes in base64 then, as the only field of an object.
type Text string

type textBytes struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON implements json.Marshaler.
func (t Text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(textBytes{[]byte(t)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(encoded []byte) error {
	var bytes textBytes
	if err := json.Unmarshal(encoded, &bytes); err == nil {
		*t = Text(bytes.Base64)
		return nil
	}
	return json.Unmarshal(encoded, (*string)(t))
}

// Texts are arguments of a command line.
func Texts(arguments []string) []Text {
	texts := make([]Text, len(arguments))
	for i, argument := range arguments {
		texts[i] = Text(argument)
	}
	return texts
}

// TransportInfo is what tables and figures need to know of a transport, which may be unknown where they are drawn.
type TransportInfo struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
	// Family is the group in which the transport is shown, Place its place among those of the
	// group in legends.
	Family string `json:"family"`
	Place  int    `json:"place"`
	// Limits name what does the same physical work without functions. The fastest counts.
	Limits []string `json:"limits,omitempty"`
	// Flag is that of the parameter that the transport has beside all others', if any.
	Flag string `json:"flag,omitempty"`
}

// LimitFamily is the family of what the machine reaches without functions.
const LimitFamily = "limit"

// Transports are those of a run's plan.
type Transports []TransportInfo

// Of is what the manifest has of a transport. One of an earlier version has nothing: there the name begins with the family.
func (t Transports) Of(name string) TransportInfo {
	if i := slices.IndexFunc(t, func(info TransportInfo) bool { return info.Name == name }); i >= 0 {
		return t[i]
	}
	family, _, _ := strings.Cut(name, "/")
	return TransportInfo{Name: name, Family: family}
}

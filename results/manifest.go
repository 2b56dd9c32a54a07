package results

import (
	"encoding/json"
	"runtime"
	"time"

	"rrbench/measure"
)

// Manifest says how the numbers of a run came about.
type Manifest struct {
	// Name is the preset, or "sweep".
	Name string `json:"name"`
	// Command is the command line, the program first.
	Command []string `json:"command"`
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
	Start  time.Time            `json:"start"`
	// End is missing while the run goes on, and for ever when it was killed.
	End *time.Time `json:"end,omitempty"`
	// Resumed has the moments at which a broken run was taken up again.
	Resumed []time.Time `json:"resumed,omitempty"`
	// Cells and Trials count outcomes.
	Cells  Counts `json:"cells"`
	Trials Counts `json:"trials"`
	// SetUps are the functions' starts, those of earlier parts of a resumed run included.
	SetUps SetUps `json:"set_ups,omitempty"`
	// Warnings are what a reader of the numbers must know, one line each.
	Warnings []string `json:"warnings,omitempty"`
	// Columns explains the columns of each CSV file.
	Columns map[string]map[string]string `json:"columns"`
}

// Versions names the software that was measured.
type Versions struct {
	Program string            `json:"program"`
	Go      string            `json:"go"`
	Engines map[string]string `json:"engines,omitempty"`
	Servers map[string]string `json:"servers,omitempty"`
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
	m.Warnings = Warnings(summaries)
	environment, end := measure.ReadEnvironment(), time.Now().UTC()
	m.After, m.End = &environment, &end
}

func (m Manifest) encode() ([]byte, error) {
	content, err := json.MarshalIndent(m, "", "  ")
	return append(content, '\n'), err
}

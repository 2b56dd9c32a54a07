package containerd

import (
	"os"
	"path/filepath"
	"testing"

	"rrbench/measure"
)

// The processor time of a program that containerd starts is known from its creation on, until it is removed.
func TestUsed(t *testing.T) {
	shared(t)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, program := range map[string]Program{
		"module": {Engine: engine(), Module: hello(t), Name: "hello"},
		"native": {Native: filepath.Join(programs, "containerd-shim-roadrunner-v1"), Arguments: []string{"-v"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := common.CheckAlone(program); err != nil {
				t.Skip(err)
			}
			alone, err := common.CreateAlone(t.Context(), program, null, null)
			if err != nil {
				t.Fatal(err)
			}
			created := alone.Used()
			if err := alone.Start(t.Context()); err != nil {
				t.Error(err)
			}
			if err := alone.Wait(); err != nil {
				t.Error(err)
			}
			ended := alone.Used()
			if err := alone.Remove(); err != nil {
				t.Error(err)
			}
			t.Log(created, ended)
			if created.CPU() <= 0 || ended.CPU() <= created.CPU() {
				t.Errorf("used %+v when created and %+v when ended", created, ended)
			}
			if removed := alone.Used(); removed != (measure.Usage{}) {
				t.Errorf("used %+v when removed", removed)
			}
		})
	}
}

package modes

import (
	"errors"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"rrbench/transport"
	"rrbench/workloads/hostile"
)

// besidesNow are the collector's percentage and the number of processors.
func besidesNow() (percent, processors int) {
	percent = debug.SetGCPercent(-1)
	debug.SetGCPercent(percent)
	return percent, runtime.GOMAXPROCS(0)
}

func TestInitialiseLetsNothingWaitForGuests(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(70))
	failure := errors.New("not ready")
	err := Initialise("guest", time.Hour, func() error {
		return Initialise("another", time.Hour, func() error {
			if percent, processors := besidesNow(); percent != -1 || processors < 2 {
				t.Errorf("meanwhile: %d %%, %d processors", percent, processors)
			}
			return failure
		})
	})
	if err != failure {
		t.Errorf("error is %v", err)
	}
	if percent, processors := besidesNow(); percent != 70 || processors != 1 {
		t.Errorf("afterwards: %d %%, %d processors", percent, processors)
	}
	if err := Initialise("guest", 0, func() error { return failure }); err != failure {
		t.Errorf("without a deadline: %v", err)
	}
}

// TestGuestThatSleepsInItsInitialiser also sees that the guest ends when its host gives it up.
func TestGuestThatSleepsInItsInitialiser(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		percent, _ := besidesNow()
		setup := transport.Setup{Engine: engine, Guest: hostile.Guest(t, "initialize-sleeps"), Size: 1000, Deadline: time.Millisecond}
		f, err := Load(t.Context(), setup, nil)
		if err == nil {
			f.Close()
		}
		if !errors.Is(err, transport.ErrNoAnswer) || !strings.Contains(err.Error(), "guest "+setup.Guest+" is still initialising after 1s (--deadline)") {
			t.Fatalf("error is %v", err)
		}
		for now := -1; now != percent; now, _ = besidesNow() {
			time.Sleep(time.Millisecond) // until the test times out
		}
	})
}

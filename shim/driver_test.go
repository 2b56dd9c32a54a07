package shim

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	"rrbench/transport"
)

// driveForEver is a driver with an idle shim and one whose guest never returns. It prints
// their process ids and waits to be killed.
func driveForEver() error {
	ctx := context.Background()
	idle, err := startChild(ctx, "idle")
	if err != nil {
		return err
	}
	busy, err := startChild(ctx, "busy")
	if err != nil {
		return err
	}
	setup := transport.Setup{Guest: "spin@-2", Fanout: 1}
	for range 4 {
		endpoint, err := busy.Serve(ctx, "fake", setup)
		if err != nil {
			return err
		}
		if err := busy.Open(ctx, "fake", setup, []transport.Endpoint{endpoint}); err != nil {
			return err
		}
	}
	time.AfterFunc(200*time.Millisecond, func() {
		one, _ := idle.PID()
		other, _ := busy.PID()
		fmt.Println(one, other)
	})
	batch := fakeBatch()
	batch.Deadline = time.Hour
	_, err = busy.Run(ctx, batch, func(Record) error { return nil })
	return err
}

func TestShimsDieWithTheirDriver(t *testing.T) {
	driver := exec.Command("/proc/self/exe", "driver")
	driver.Stderr = os.Stderr
	output, err := driver.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := driver.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if killed := driver.Process.Kill(); killed != nil {
		t.Error(killed)
	}
	_ = driver.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(line) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		for running(pid) {
			time.Sleep(5 * time.Millisecond) // until the test times out
		}
	}
}

// running reports whether a process has not ended, whether its new parent has waited for it or not.
func running(pid int) bool {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return false
	}
	stat, err := process.Stat()
	return err == nil && stat.State != "Z" && stat.State != "X"
}

func TestShimEndsWithItsConnection(t *testing.T) {
	p := openedFake(t, "", 1, 1)
	if err := p.dialed.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
		t.Fatal("the shim lives on without a connection")
	}
}

package inputs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var kind = Kind{Most: 100, Check: func(head []byte) error {
	if !bytes.HasPrefix(head, []byte("magic")) {
		return fmt.Errorf("begins with %q", head)
	}
	return nil
}}

func TestReadFile(t *testing.T) {
	directory := t.TempDir()
	t.Chdir(directory)
	const name = "not\xffUTF-8"
	if err := os.WriteFile(name, []byte("magic spells"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := kind.Read(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if f.Path != filepath.Join(directory, name) || f.Pipe || string(f.Content) != "magic spells" {
		t.Errorf("%+v", f)
	}
	whole, err := DigestFile(name)
	if err != nil || whole != f.Digest() || len(whole) != 64 || !strings.HasPrefix(string(whole), whole.Short()) {
		t.Errorf("digests %s and %s, %v", whole, f.Digest(), err)
	}
}

func TestReadRefuses(t *testing.T) {
	directory := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	huge := file("huge", "magic")
	if err := os.Truncate(huge, 1<<40); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		huge: "longer than 100", file("long", "magic"+strings.Repeat("x", 96)): "longer than 100",
		file("other", "#!/bin/sh and more"): `begins with "#!/bin/s"`, file("empty", ""): `begins with ""`,
		directory: "neither a file nor a pipe", "/dev/zero": "neither a file nor a pipe",
	} {
		if _, err := kind.Read(t.Context(), path); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := kind.Read(t.Context(), filepath.Join(directory, "nothing")); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "nothing") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func makePipe(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A pipe is read from its first writer's first byte until the writer closes it.
func TestReadPipe(t *testing.T) {
	path := makePipe(t)
	written := make(chan error, 1)
	go func() {
		time.Sleep(20 * time.Millisecond)
		pipe, err := os.OpenFile(path, os.O_WRONLY, 0)
		for _, part := range []string{"mag", "ic", " spells"} {
			if err == nil {
				time.Sleep(5 * time.Millisecond)
				_, err = pipe.WriteString(part)
			}
		}
		written <- errors.Join(err, pipe.Close())
	}()
	f, err := kind.Read(t.Context(), path)
	if err := errors.Join(err, <-written); err != nil {
		t.Fatal(err)
	}
	if !f.Pipe || string(f.Content) != "magic spells" {
		t.Errorf("%+v", f)
	}
}

// What never ends is refused by its first bytes, or by its length.
func TestReadEndlessPipe(t *testing.T) {
	for begin, want := range map[string]string{"magic": "longer than 100", "spells": "begins with"} {
		path := makePipe(t)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			pipe, err := os.OpenFile(path, os.O_WRONLY, 0)
			for ; err == nil; _, err = pipe.WriteString(begin) {
			}
			_ = pipe.Close()
		}()
		if _, err := kind.Read(t.Context(), path); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", begin, err)
		}
		<-ended
	}
}

// The context ends the wait for a writer, and for what a writer has yet to write.
func TestReadPipeIsInterrupted(t *testing.T) {
	for _, writer := range []bool{false, true} {
		path := makePipe(t)
		if writer {
			pipe, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer pipe.Close()
			if _, err := pipe.WriteString("mag"); err != nil {
				t.Fatal(err)
			}
		}
		interrupted := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(20*time.Millisecond, func() { cancel(interrupted) })
		if _, err := kind.Read(ctx, path); !errors.Is(err, interrupted) {
			t.Errorf("writer %v: %v", writer, err)
		}
	}
}

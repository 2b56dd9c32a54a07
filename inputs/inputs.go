// Package inputs reads the files that a user names, each once, and knows them by their content.
package inputs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"rrbench/payloads"
)

// File is what was read.
type File struct {
	// Path is absolute.
	Path string
	// Pipe marks a path at which there is nothing to read a second time.
	Pipe    bool
	Content []byte
}

// Digest names the content.
func (f *File) Digest() Digest {
	sum := sha256.Sum256(f.Content)
	return Digest(hex.EncodeToString(sum[:]))
}

// Digest is a SHA-256 in hexadecimal digits.
type Digest string

// Short is as much of it as it takes to know a run's files apart.
func (d Digest) Short() string { return string(d[:min(12, len(d))]) }

// HeadLength is how many bytes Kind.Check gets at most.
const HeadLength = 8

// Kind is what files are expected to be.
type Kind struct {
	// Most is the largest size in bytes.
	Most int64
	// Check finds fault with the first bytes of a file before the others are read; nil accepts
	// any.
	Check func(head []byte) error
}

// Read reads a regular file, or a pipe until its writers have closed it. Anything else has no
// end, or is none to read. The context ends the wait for a pipe. The error is one line that
// does not repeat the path.
func (k Kind) Read(ctx context.Context, path string) (*File, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// Without O_NONBLOCK, opening a pipe would wait for its writer even after the context has ended.
	file, err := os.OpenFile(absolute, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, withoutPath(err)
	}
	f := &File{Path: absolute, Pipe: info.Mode().Type() == fs.ModeNamedPipe}
	switch {
	case f.Pipe:
		defer context.AfterFunc(ctx, func() { _ = file.SetReadDeadline(time.Unix(1, 0)) })()
		err = awaitWriter(file)
	case !info.Mode().IsRegular():
		err = errors.New("neither a file nor a pipe")
	case info.Size() > k.Most:
		err = k.tooLong()
	}
	if err == nil {
		f.Content, err = k.read(file)
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, withoutPath(err)
	}
	return f, nil
}

func (k Kind) read(file *os.File) ([]byte, error) {
	head := make([]byte, HeadLength)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	content := head[:n]
	if k.Check != nil {
		if err := k.Check(content); err != nil {
			return nil, err
		}
	}
	rest, err := io.ReadAll(io.LimitReader(file, k.Most+1-int64(n)))
	if content = append(content, rest...); int64(len(content)) > k.Most {
		return nil, k.tooLong()
	}
	return content, err
}

func (k Kind) tooLong() error {
	return fmt.Errorf("longer than %s", payloads.FormatSize(k.Most))
}

// awaitWriter waits until a pipe has a writer, before which it would seem empty.
func awaitWriter(pipe *os.File) error {
	connection, err := pipe.SyscallConn()
	if err != nil {
		return err
	}
	return connection.Read(func(descriptor uintptr) bool {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(descriptor), Events: unix.POLLIN}}, 0)
		// The next read returns the error.
		return ready > 0 || err != nil && !errors.Is(err, unix.EINTR)
	})
}

// withoutPath is an error without the operation and the path that an *fs.PathError repeats.
func withoutPath(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}

// DigestFile is the digest of a file that is not kept in memory, a program for example.
func DigestFile(path string) (Digest, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return Digest(hex.EncodeToString(sum.Sum(nil))), nil
}

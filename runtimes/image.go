package runtimes

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"rrbench/image"
	"rrbench/measure"
	"rrbench/private"
	"rrbench/shim"
)

// Store keeps images of programs, each a layer as registries have it: a gzipped tar archive, named by its digest. It is
// for one goroutine. The zero Store is ready; Close removes what it has made.
type Store struct {
	directory *private.Directory
	images    map[[sha256.Size]byte]packed
	next      int
}

type packed struct {
	path   string
	length int64
	digest [sha256.Size]byte
}

// Close removes the images.
func (s *Store) Close() error {
	if s.directory == nil {
		return nil
	}
	return s.directory.Remove()
}

// image makes the image of a program, once.
func (s *Store) image(name string, content []byte) (packed, string, error) {
	if s.directory == nil {
		directory, err := private.NewDirectoryIn([]string{os.TempDir()}, "rrbench-images-")
		if err != nil {
			return packed{}, "", fmt.Errorf("make a directory for images: %w", err)
		}
		s.directory, s.images = directory, make(map[[sha256.Size]byte]packed)
	}
	s.next++
	place := filepath.Join(s.directory.Path, strconv.Itoa(s.next))
	if err := os.Mkdir(place, 0o755); err != nil {
		return packed{}, "", err
	}
	key := sha256.Sum256(append([]byte(name+"\n"), content...))
	if known, ok := s.images[key]; ok {
		return known, place, nil
	}
	var layer bytes.Buffer
	compressed := gzip.NewWriter(&layer)
	_, err := compressed.Write(image.Layer(name, content))
	if err := errors.Join(err, compressed.Close()); err != nil {
		return packed{}, "", err
	}
	i := packed{filepath.Join(s.directory.Path, fmt.Sprintf("%x.tar.gz", key[:8])), int64(layer.Len()), sha256.Sum256(layer.Bytes())}
	if err := os.WriteFile(i.path, layer.Bytes(), 0o644); err != nil {
		return packed{}, "", err
	}
	s.images[key] = i
	return i, place, nil
}

// onDisk adds the size of what runs the program: that of the first file that exists.
func (u unpacked) onDisk(programs []string) map[string]int64 {
	for _, path := range programs {
		if info, err := os.Stat(path); err == nil && u.disk != nil {
			u.disk[Create] = info.Size()
			break
		}
	}
	return u.disk
}

// unpacked is a program that was fetched; disk is for Outcome.Disk.
type unpacked struct {
	path, directory string
	disk            map[string]int64
}

func (u unpacked) remove() { _ = os.RemoveAll(u.directory) }

// fetch pulls a program's image and unpacks it.
func (s *Store) fetch(name string, content []byte) (unpacked, []shim.Phase, error) {
	i, place, err := s.image(name, content)
	if err != nil {
		return unpacked{}, nil, err
	}
	u := unpacked{filepath.Join(place, name), place, map[string]int64{Pull: i.length, Unpack: int64(len(content))}}
	pulled := filepath.Join(place, "layer")
	var phases []shim.Phase
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{Pull, func() error { return i.pull(pulled) }},
		{Unpack, func() error { return unpack(pulled, u.path) }},
	} {
		before, began := measure.SelfUsage(), measure.Now()
		if err := step.do(); err != nil {
			u.remove()
			return unpacked{}, nil, fmt.Errorf("%s the image of %s: %w", step.name, name, err)
		}
		phases = append(phases, within(step.name, began, measure.Now(), measure.SelfUsage().Sub(before)))
	}
	return u, phases, nil
}

// fetchNative is fetch for the native program.
func (r *Request) fetchNative() (unpacked, []shim.Phase, error) {
	content, err := os.ReadFile(r.Native)
	if err != nil {
		return unpacked{}, nil, err
	}
	return r.Store.fetch(r.Name, content)
}

// pull copies the image and checks what has come.
func (i packed) pull(to string) (err error) {
	from, err := os.Open(i.path)
	if err != nil {
		return err
	}
	defer from.Close()
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(file, hash), from)
	if err = errors.Join(err, file.Close()); err == nil && !bytes.Equal(hash.Sum(nil), i.digest[:]) {
		err = errors.New("its digest is wrong")
	}
	return err
}

// unpack makes the one file of a layer, which this package has made itself.
func unpack(layer, program string) error {
	file, err := os.Open(layer)
	if err != nil {
		return err
	}
	defer file.Close()
	compressed, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	archive := tar.NewReader(compressed)
	if _, err := archive.Next(); err != nil {
		return err
	}
	out, err := os.OpenFile(program, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, archive)
	return errors.Join(err, out.Close())
}

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
	"sync"

	"rrbench/measure"
	"rrbench/private"
	"rrbench/shim"
)

// Store keeps images of programs, each a layer as registries have it: a gzipped tar archive, named by its digest. It is
// for one goroutine. The zero Store is ready; Close removes what it has made.
type Store struct {
	lock      sync.Mutex
	directory *private.Directory
	images    map[[sha256.Size]byte]image
	next      int
}

type image struct {
	path   string
	length int64
	digest [sha256.Size]byte
}

// storePrefix begins the names of stores' directories.
const storePrefix = "rrbench-images-"

// Close removes the images.
func (s *Store) Close() error {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.directory == nil {
		return nil
	}
	return s.directory.Remove()
}

// image makes the image of a program, once.
func (s *Store) image(name string, content []byte) (image, string, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.directory == nil {
		directory, err := private.NewDirectoryIn([]string{os.TempDir()}, storePrefix)
		if err != nil {
			return image{}, "", fmt.Errorf("make a directory for images: %w", err)
		}
		s.directory, s.images = directory, make(map[[sha256.Size]byte]image)
	}
	s.next++
	place := filepath.Join(s.directory.Path, strconv.Itoa(s.next))
	if err := os.Mkdir(place, 0o755); err != nil {
		return image{}, "", err
	}
	key := sha256.Sum256(append([]byte(name+"\n"), content...))
	if known, ok := s.images[key]; ok {
		return known, place, nil
	}
	layer, err := layerOf(name, content)
	if err != nil {
		return image{}, "", err
	}
	i := image{filepath.Join(s.directory.Path, fmt.Sprintf("%x.tar.gz", key[:8])), int64(len(layer)), sha256.Sum256(layer)}
	if err := os.WriteFile(i.path, layer, 0o644); err != nil {
		return image{}, "", err
	}
	s.images[key] = i
	return i, place, nil
}

func layerOf(name string, content []byte) ([]byte, error) {
	var layer bytes.Buffer
	compressed := gzip.NewWriter(&layer)
	archive := tar.NewWriter(compressed)
	err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = archive.Write(content)
	}
	err = errors.Join(err, archive.Close(), compressed.Close())
	return layer.Bytes(), err
}

// onDisk adds the length of what runs a program, of the first of its files that there is.
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

func (u unpacked) read() ([]byte, error) { return os.ReadFile(u.path) }
func (u unpacked) remove()               { _ = os.RemoveAll(u.directory) }

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
		{Unpack, func() error { return unpack(pulled, place) }},
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

// pull copies the image and checks what has come.
func (i image) pull(to string) (err error) {
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

// unpack makes the regular files of a layer, which this package has made itself.
func unpack(layer, place string) error {
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
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		out, err := os.OpenFile(filepath.Join(place, filepath.Base(header.Name)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, header.FileInfo().Mode().Perm())
		if err != nil {
			return err
		}
		_, err = io.Copy(out, archive)
		if err := errors.Join(err, out.Close()); err != nil {
			return err
		}
	}
}

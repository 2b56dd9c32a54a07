package task

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/api/types"
	"golang.org/x/sys/unix"

	"rrbench/engines"
)

// layers are the directories of a container's file system, the top one first: of a snapshot, or root
// where there is none. Nothing is mounted: a function has no files, only its module is read.
func layers(mounts []*types.Mount, root string) ([]string, error) {
	if len(mounts) == 0 {
		return []string{root}, nil
	}
	if len(mounts) == 1 {
		switch m := mounts[0]; m.GetType() {
		case "bind", "rbind":
			return []string{m.GetSource()}, nil
		case "overlay":
			var directories []string
			for _, option := range m.GetOptions() {
				if upper, ok := strings.CutPrefix(option, "upperdir="); ok {
					directories = append([]string{upper}, directories...)
				} else if lower, ok := strings.CutPrefix(option, "lowerdir="); ok {
					directories = append(directories, strings.Split(lower, ":")...)
				}
			}
			return directories, nil
		}
	}
	return nil, fmt.Errorf("a snapshot of %d mounts, the first of type %q, cannot be read: use the snapshotter overlayfs or native", len(mounts), mounts[0].GetType())
}

func openModule(directories []string, argument string) (*os.File, error) {
	name := strings.TrimPrefix(path.Clean("/"+argument), "/")
	file, err := open(directories, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the image has no module %s%s", argument, others(directories))
	}
	if err != nil {
		return nil, fmt.Errorf("open the module %s: %w", argument, err)
	}
	preamble := make([]byte, 8)
	n, err := io.ReadFull(file, preamble)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, errors.Join(fmt.Errorf("read the module %s: %w", argument, err), file.Close())
	}
	if err := engines.CheckPreamble(preamble[:n]); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", argument, err), file.Close())
	}
	return file, nil
}

// open searches the layers like overlayfs, which marks a file that an upper layer has removed by
// a device of number 0.
func open(directories []string, name string) (*os.File, error) {
	for _, directory := range directories {
		root, err := os.OpenRoot(directory)
		if err != nil {
			return nil, err
		}
		defer root.Close()
		switch info, err := root.Stat(name); {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		case info.Mode()&fs.ModeCharDevice != 0:
			return nil, fs.ErrNotExist
		case !info.Mode().IsRegular():
			return nil, errors.New("not a regular file")
		}
		return root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	}
	return nil, fs.ErrNotExist
}

// others names the modules that are in the root instead.
func others(directories []string) string {
	var found []string
	for _, directory := range directories {
		names, _ := filepath.Glob(filepath.Join(directory, "*.wasm"))
		for _, name := range names {
			found = append(found, "/"+filepath.Base(name))
		}
	}
	slices.Sort(found)
	if found = slices.Compact(found); len(found) == 0 {
		return ", and no other in its root"
	}
	return "; it has " + strings.Join(found[:min(len(found), 8)], ", ")
}

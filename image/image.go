// Package image makes OCI images of WebAssembly modules.
package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"

	"github.com/dustin/go-humanize"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"rrbench/engines"
)

// Layout is how a module lies in an image.
type Layout string

const (
	// Plain is an image with one file, the module: for this project's shim, and runwasi's.
	Plain Layout = "plain"
	// Crun is the same with the annotation by which crun knows it for WebAssembly.
	Crun Layout = "crun"
	// Artifact is the layout of the CNCF's working group for WebAssembly, in which the module itself is
	// the layer.
	Artifact Layout = "artifact"
)

// Layouts are all, the usual one first.
var Layouts = []Layout{Plain, Crun, Artifact}

// What the layouts are made of; see https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/
// and https://github.com/containers/crun/blob/main/docs/wasm-wasi-example.md
const (
	architecture       = "wasm"
	system             = "wasip1"
	artifactConfigType = "application/vnd.wasm.config.v0+json"
	artifactLayerType  = "application/wasm"
	crunVariant        = "module.wasm.image/variant"
)

// created is the date of every image, so that the same module gives the same bytes.
const created = "1970-01-01T00:00:00Z"

// Reference is the name of an image as containerd imports it.
func Reference(name string) string { return "localhost/" + name + ":latest" }

// names are the path components of repositories in the OCI distribution specification.
var names = regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

// Write writes an OCI image layout, as a tar archive, with an image of a module. The function's first argument
// is /FUNCTION.wasm; the image's Reference has the name. The snapshot is containerd's name of the image's
// unpacked file system, empty for an Artifact.
func Write(to io.Writer, layout Layout, function, name string, module []byte) (snapshot string, err error) {
	if err := engines.CheckPreamble(module); err != nil {
		return "", err
	}
	if len(module) > engines.MaxModule {
		return "", fmt.Errorf("the module is larger than the %s that one may have", humanize.IBytes(engines.MaxModule))
	}
	for _, name := range []string{function, name} {
		if !names.MatchString(name) {
			return "", fmt.Errorf("%q cannot be the name of an image: letters, digits and single - . _ between them", name)
		}
	}
	files, snapshot := filesOf(layout, function, name, module)
	archive := tar.NewWriter(to)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		err = errors.Join(err, add(archive, path, 0o644, files[path]))
	}
	if err = errors.Join(err, archive.Close()); err != nil {
		return "", fmt.Errorf("write an image: %w", err)
	}
	return snapshot, nil
}

// add adds a file without a time or a user.
func add(archive *tar.Writer, name string, mode int64, content []byte) error {
	err := archive.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(content)), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = archive.Write(content)
	}
	return err
}

// Layer is a file system with one program.
func Layer(name string, content []byte) []byte {
	var layer bytes.Buffer
	archive := tar.NewWriter(&layer)
	if err := errors.Join(add(archive, name, 0o755, content), archive.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return layer.Bytes()
}

// filesOf are the files of a layout. The snapshot is the digest of the only layer's content, which names a chain of one.
func filesOf(layout Layout, function, name string, module []byte) (files map[string][]byte, snapshot string) {
	files = make(map[string][]byte)
	blob := func(mediaType string, content []byte) v1.Descriptor {
		d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
		files["blobs/sha256/"+d.Digest.Encoded()] = content
		return d
	}
	manifest := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest}
	if layout == Artifact {
		manifest.Config = blob(artifactConfigType, encode(map[string]any{
			"created": created, "architecture": architecture, "os": system,
			"layerDigests": []digest.Digest{digest.FromBytes(module)},
		}))
		manifest.Layers = []v1.Descriptor{blob(artifactLayerType, module)}
	} else {
		file := function + ".wasm"
		layer := blob(v1.MediaTypeImageLayer, Layer(file, module))
		snapshot = layer.Digest.String()
		manifest.Config = blob(v1.MediaTypeImageConfig, encode(v1.Image{
			Platform: v1.Platform{Architecture: architecture, OS: system},
			Config:   v1.ImageConfig{Entrypoint: []string{"/" + file}},
			RootFS:   v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
		}))
		manifest.Layers = []v1.Descriptor{layer}
	}
	if layout == Crun {
		manifest.Annotations = map[string]string{crunVariant: "compat"}
	}
	image := blob(v1.MediaTypeImageManifest, encode(manifest))
	// Containerd's importer takes the whole name from the first annotation.
	image.Annotations = map[string]string{"io.containerd.image.name": Reference(name), v1.AnnotationRefName: "latest"}
	files[v1.ImageIndexFile] = encode(v1.Index{Versioned: manifest.Versioned, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{image}})
	files[v1.ImageLayoutFile] = encode(v1.ImageLayout{Version: v1.ImageLayoutVersion})
	return files, snapshot
}

func encode(value any) []byte {
	content, err := json.Marshal(value)
	if err != nil {
		panic(err) // these types always can be
	}
	return content
}

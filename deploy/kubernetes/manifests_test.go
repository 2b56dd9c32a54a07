// Package kubernetes holds manifests; its test is in a module of its own, so that rrbench does not
// depend on Kubernetes.
package kubernetes

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	node "k8s.io/api/node/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// decode reads a manifest, and has no field that its kind does not have.
func decode(t *testing.T, path string) (kind string, pod *core.PodTemplateSpec, labels *meta.LabelSelector) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var head meta.TypeMeta
	if err := yaml.Unmarshal(text, &head); err != nil {
		t.Fatal(err)
	}
	switch head.APIVersion + " " + head.Kind {
	case "apps/v1 DaemonSet":
		var set apps.DaemonSet
		if err := yaml.UnmarshalStrict(text, &set); err != nil {
			t.Fatal(err)
		}
		return head.Kind, &set.Spec.Template, set.Spec.Selector
	case "batch/v1 Job":
		var job batch.Job
		if err := yaml.UnmarshalStrict(text, &job); err != nil {
			t.Fatal(err)
		}
		return head.Kind, &job.Spec.Template, nil
	case "v1 Pod":
		var pod core.Pod
		if err := yaml.UnmarshalStrict(text, &pod); err != nil {
			t.Fatal(err)
		}
		return head.Kind, &core.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}, nil
	case "node.k8s.io/v1 RuntimeClass":
		if err := yaml.UnmarshalStrict(text, new(node.RuntimeClass)); err != nil {
			t.Fatal(err)
		}
		return head.Kind, new(core.PodTemplateSpec), nil
	}
	t.Fatalf("%s is %+v", path, head)
	return "", nil, nil
}

func TestManifests(t *testing.T) {
	paths, err := filepath.Glob("*.yaml")
	if err != nil || len(paths) != 4 {
		t.Fatalf("%q, %v", paths, err)
	}
	var kinds []string
	for _, path := range paths {
		kind, pod, selector := decode(t, path)
		kinds = append(kinds, kind)
		if selector != nil {
			for name, value := range selector.MatchLabels {
				if pod.Labels[name] != value {
					t.Errorf("%s: the selector asks for %s=%s, and pods have %q", path, name, value, pod.Labels[name])
				}
			}
		}
		volumes := make(map[string]bool)
		for _, volume := range pod.Spec.Volumes {
			volumes[volume.Name] = true
		}
		for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			for _, mount := range container.VolumeMounts {
				if !volumes[mount.Name] {
					t.Errorf("%s: container %s mounts %s, which is not there", path, container.Name, mount.Name)
				}
			}
		}
	}
	if slices.Sort(kinds); !slices.Equal(kinds, []string{"DaemonSet", "Job", "Pod", "RuntimeClass"}) {
		t.Errorf("kinds %q", kinds)
	}
}

// A slip in a manifest does not pass.
func TestDecodingIsStrict(t *testing.T) {
	text, err := os.ReadFile("agents.yaml")
	if err != nil {
		t.Fatal(err)
	}
	slip := bytes.Replace(text, []byte("nodeSelector:"), []byte("nodeSelecter:"), 1)
	if err := yaml.UnmarshalStrict(slip, new(apps.DaemonSet)); err == nil || bytes.Equal(slip, text) {
		t.Error("an unknown field passes")
	}
}

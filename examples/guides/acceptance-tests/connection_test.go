package connection

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// startEmulator starts a dli-emulator for this test, and sets the variables that make clients use it.
func startEmulator(t *testing.T, options ...string) {
	t.Helper()
	// The emulator stops when its standard input ends, even if the test is killed.
	emulator := exec.Command("dli-emulator", append(options, "--print-env", "--stop-on-eof", "--quiet")...)
	emulator.Stderr = os.Stderr
	stdin, err := emulator.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := emulator.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := emulator.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := emulator.Wait(); err != nil {
			t.Errorf("dli-emulator: %v", err)
		}
	})
	var environment map[string]*string
	if err := json.NewDecoder(stdout).Decode(&environment); err != nil {
		t.Fatalf("dli-emulator did not start: %v", err)
	}
	for name, value := range environment {
		if value != nil {
			t.Setenv(name, *value)
			continue
		}
		// Setenv restores the variable after the test.
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
}

func terraform(t *testing.T, arguments ...string) string {
	t.Helper()
	command := exec.Command("terraform", arguments...)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("terraform %v: %v\n%s", arguments, err, output)
	}
	return string(output)
}

func TestQueueIsBound(t *testing.T) {
	startEmulator(t, "--binding-delay", "0s")
	terraform(t, "init")
	terraform(t, "apply", "-auto-approve")
	if status := terraform(t, "output", "-json", "binding_status"); status != "{\"q1\":\"ACTIVE\"}\n" {
		t.Errorf("the bindings are %s", status)
	}
	terraform(t, "plan", "-detailed-exitcode")
	terraform(t, "destroy", "-auto-approve")
}

package server

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a program that ends no later than we do.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the program has ended
	err  error         // how it ended; read after done
}

// startProcess starts cmd. Linux signals a child when the thread that forked it ends, not the process, so the
// fork happens on a thread that stays with it.
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// result says how the program ended. It must have.
func (p *process) result() error {
	if p.err == nil {
		return errors.New("exit status 0")
	}
	return p.err
}

// wait returns when the program has ended; it is killed when ctx ends first.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		p.signal(syscall.SIGKILL)
		<-p.done
		return ctx.Err()
	}
}

// stop sends the signal and waits. When ctx ends first it sends harder signals, waits all the same and
// returns the error of ctx.
func (p *process) stop(ctx context.Context, signal syscall.Signal) error {
	p.signal(signal)
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	p.signal(syscall.SIGQUIT)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		p.signal(syscall.SIGKILL)
		<-p.done
	}
	return fmt.Errorf("it did not shut down in time and was ended at once: %w", ctx.Err())
}

// signal reaches the program if it still runs.
func (p *process) signal(signal syscall.Signal) { _ = p.cmd.Process.Signal(signal) }

import { createLifecycle } from '../../src/lifecycle.ts';

describe('the life cycle of a service', () => {
  test('drains from the call of stop on, before any resource is released', async () => {
    const lifecycle = createLifecycle();
    const resources = new AsyncDisposableStack();
    const drainingAtRelease: boolean[] = [];
    resources.defer(() => {
      drainingAtRelease.push(lifecycle.isDraining());
    });
    expect(lifecycle.isDraining()).toBe(false);
    lifecycle.serve(resources);
    expect(lifecycle.isDraining()).toBe(false);

    const stopped = lifecycle.stop();
    expect(lifecycle.isDraining()).toBe(true);
    await stopped;
    expect(drainingAtRelease).toEqual([true]);
    expect(lifecycle.isDraining()).toBe(true);
  });

  test('releases once, in reverse order, however often it is stopped', async () => {
    const lifecycle = createLifecycle();
    const resources = new AsyncDisposableStack();
    const released: string[] = [];
    for (const name of ['database', 'server']) resources.defer(() => void released.push(name));
    lifecycle.serve(resources);
    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    await lifecycle.stop();
    expect(released).toEqual(['server', 'database']);
  });

  test('reports a failed release to every caller of stop', async () => {
    const lifecycle = createLifecycle();
    const resources = new AsyncDisposableStack();
    resources.defer(() => Promise.reject(new Error('the server hangs')));
    lifecycle.serve(resources);
    await expect(lifecycle.stop()).rejects.toThrow('the server hangs');
    await expect(lifecycle.stop()).rejects.toThrow('the server hangs');
  });

  test('refuses a stop during the start', async () => {
    await expect(createLifecycle().stop()).rejects.toThrow('Abort its start');
  });
});

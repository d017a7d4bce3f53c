"""A page in headless Chromium, with a real mouse, keys and fingers, by the DevTools protocol."""

import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Self

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
BUTTONS = {'none': 0, 'left': 1, 'right': 2}
SHIFT = 8
PATIENCE = 60.0
"""s, for a browser on a busy machine."""


class Browser:
    """A page that is open; ``trouble`` lists what it complained of and what it asked for."""

    def __init__(self, report: Path, *options: str) -> None:
        self.trouble: list[str] = []
        self._report, self._options = report, options
        self._number, self._session, self._rest, self._loaded = 0, '', b'', False

    def __enter__(self) -> Self:
        there, ours = os.pipe()
        self._answers, back = os.pipe()
        self._commands = ours
        command = [CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu', *self._options]
        command += [f'--user-data-dir={self._report.parent / "profile"}', '--no-first-run']
        # Chromium reads commands from descriptor 3 and writes to 4
        shell = f'exec "$@" --remote-debugging-pipe about:blank 3<&{there} 4>&{back}'
        self._process = subprocess.Popen(
            ['bash', '-c', shell, 'bash', *command],
            pass_fds=(there, back),
            stderr=subprocess.DEVNULL,
        )
        os.close(there)
        os.close(back)
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        attached = self.call('Target.attachToTarget', targetId=target, flatten=True)
        self._session = attached['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(f'{domain}.enable')
        size = {'width': 1280, 'height': 900, 'deviceScaleFactor': 1, 'mobile': False}
        self.call('Emulation.setDeviceMetricsOverride', **size)
        self.call('Page.navigate', url=self._report.as_uri())
        self._wait(lambda: self._loaded)
        self._wait(lambda: self.text('output').startswith('Voxel'))
        self.run('document.querySelector(".planes").scrollIntoView()')
        return self

    def __exit__(self, *_: object) -> None:
        self._session = ''
        self.call('Browser.close')
        self._process.wait(PATIENCE)
        os.close(self._commands)
        os.close(self._answers)

    def call(self, method: str, **parameters: object) -> dict:
        """Send a command and wait for its answer."""
        self._number += 1
        message = {'id': self._number, 'method': method, 'params': parameters}
        message |= {'sessionId': self._session} if self._session else {}
        os.write(self._commands, json.dumps(message).encode() + b'\0')
        while (answer := self._read()).get('id') != self._number:
            self._note(answer)
        assert 'error' not in answer, answer
        return answer['result']

    def run(self, script: str) -> object:
        """Give the value of an expression, once it is there if it is a promise."""
        wanted = {'awaitPromise': True, 'returnByValue': True}
        answer = self.call('Runtime.evaluate', expression=script, **wanted)
        assert 'exceptionDetails' not in answer, answer
        return answer['result'].get('value')

    def text(self, selector: str) -> str:
        """Give what an element says, after the page has drawn."""
        drawn = 'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))'
        return str(self.run(f'{drawn}.then(() => document.querySelector({selector!r}).innerText)'))

    def pixels(self, plane: int) -> list[int]:
        """Give the red values of a plane's picture."""
        return self.run(
            f"""((plane) => {{
              const copy = document.createElement('canvas');
              copy.width = plane.width; copy.height = plane.height;
              const context = copy.getContext('2d', {{ willReadFrequently: true }});
              context.drawImage(plane, 0, 0);
              return [...context.getImageData(0, 0, copy.width, copy.height).data]
                .filter((_, k) => k % 4 === 0);
            }})(document.querySelectorAll('canvas')[{plane}])"""
        )

    def place(self, plane: int, x: float, y: float) -> dict[str, float]:
        """Turn fractions of a plane's picture into the window's coordinates."""
        box = f'document.querySelectorAll("canvas")[{plane}].getBoundingClientRect().toJSON()'
        r = self.run(box)
        return {'x': r['left'] + x * r['width'], 'y': r['top'] + y * r['height']}

    def drag(self, plane: int, *path: tuple[float, float], button='left', modifiers=0) -> None:
        """Press a mouse button, move and release it."""
        kinds = ['mousePressed', *['mouseMoved'] * (len(path) - 1), 'mouseReleased']
        state = {'button': button, 'buttons': BUTTONS[button], 'clickCount': 1}
        for kind, where in zip(kinds, [*path, path[-1]], strict=True):
            place = self.place(plane, *where)
            self.call('Input.dispatchMouseEvent', type=kind, modifiers=modifiers, **place, **state)

    def point(self, plane: int, x: float, y: float, *, turn: float = 0.0) -> None:
        """Move the mouse to a place, and turn its wheel there."""
        place = self.place(plane, x, y)
        self.call('Input.dispatchMouseEvent', type='mouseMoved', **place)
        if turn:
            wheel = {'type': 'mouseWheel', 'deltaX': 0, 'deltaY': turn}
            self.call('Input.dispatchMouseEvent', **wheel, **place)

    def swipe(self, plane: int, *path: tuple[float, float]) -> None:
        """Put a finger down, move and lift it."""
        kinds = ['touchStart', *['touchMove'] * (len(path) - 1)]
        for kind, where in zip(kinds, path, strict=True):
            points = [self.place(plane, *where)]
            self.call('Input.dispatchTouchEvent', type=kind, touchPoints=points)
        self.call('Input.dispatchTouchEvent', type='touchEnd', touchPoints=[])

    def key(self, name: str) -> None:
        """Press and release a key where the focus is."""
        code = {'windowsVirtualKeyCode': 9} if name == 'Tab' else {}
        for kind in ('keyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=name, code=name, **code)

    def _wait(self, is_so) -> None:
        end = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < end, self.trouble
            self.call('Browser.getVersion') if not self._loaded else time.sleep(0.02)

    def _read(self) -> dict:
        while b'\0' not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], PATIENCE)
            assert ready, 'the browser is silent'
            self._rest += os.read(self._answers, 1 << 20)
        message, _, self._rest = self._rest.partition(b'\0')
        return json.loads(message)

    def _note(self, event: dict) -> None:
        method, told = event.get('method', ''), event.get('params', {})
        if method == 'Page.loadEventFired':
            self._loaded = True
        elif method in {'Runtime.consoleAPICalled', 'Runtime.exceptionThrown', 'Log.entryAdded'}:
            self.trouble.append(f'{method}: {json.dumps(told)[:500]}')
        elif method == 'Network.requestWillBeSent':
            url = told['request']['url']
            if url != self._report.as_uri() and not url.startswith('data:'):
                self.trouble.append(f'asks for {url}')

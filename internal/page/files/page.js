// Brings the numbers up to date. Without it the page has those of the moment it was made.
'use strict';
(() => {
  const every = 5000;
  const line = document.getElementById('live');
  const said = document.createElement('span');
  const button = document.createElement('button');
  button.type = 'button';
  line.append(said, ' ', button);
  let timer;

  const run = (on) => {
    clearTimeout(timer);
    button.textContent = on ? 'Pause' : 'Go on';
    said.textContent = on ? 'brought up to date every 5 s' : 'paused';
    if (on) timer = setTimeout(update, every);
  };

  const stop = (text) => {
    run(false);
    said.textContent = text;
  };

  const update = async () => {
    if (document.hidden) return run(true);
    try {
      const answer = await fetch('live', { headers: { Accept: 'application/json' }, signal: AbortSignal.timeout(every) });
      if (answer.status === 401) return stop('your session has ended: show the page anew');
      if (!answer.ok) return stop(`stopped: the edge answers ${answer.status}`);
      const numbers = await answer.json();
      for (const place of document.querySelectorAll('[data-live]')) {
        const value = numbers[place.dataset.live];
        if (place.textContent !== value) place.textContent = value;
      }
      const badge = document.getElementById('readiness');
      const ready = numbers.ready === 'yes';
      badge.textContent = ready ? 'Ready' : 'Not ready';
      badge.className = `badge ${ready ? 'good' : 'bad'}`;
      run(true);
      said.textContent = `as of ${numbers.at}`;
    } catch {
      stop('stopped: the edge does not answer');
    }
  };

  button.addEventListener('click', () => run(button.textContent === 'Go on'));
  run(true);
})();

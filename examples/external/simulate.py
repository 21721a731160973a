"""A population that breeds and dies, seen in part at 20 visits: a simulator without a likelihood, for posterity to call.

Between two visits the animals have young at the rate `birth` each, and die at the rate 0.5, by chance. At a visit a
tenth of them is seen, more or less by the chance of counting, and by the weather, whose effect is `scatter`. NumPy and
the standard library suffice.

    python3 simulate.py                                     # a worker: answers lines of JSON, as docs/external.md says
    python3 simulate.py --once SEED BIRTH SCATTER FILE      # one simulation, written to FILE (.npy)
"""
import json
import sys

import numpy as np

DEATH, START, STEP, VISITS, SEEN = 0.5, 400.0, 0.1, 20, 0.1


def simulate(seed, birth, scatter):
    """Logarithm of the animals seen at each visit; all randomness comes from the seed, whatever the parameters."""
    lives, weather, counting = np.random.default_rng(seed).normal(size=(3, VISITS))
    alive, seen = START, np.empty(VISITS)
    for visit in range(VISITS):
        alive += (birth - DEATH) * alive * STEP + np.sqrt((birth + DEATH) * alive * STEP) * lives[visit]
        alive = max(alive, 1.0)
        expected = SEEN * alive * np.exp(scatter * weather[visit])
        seen[visit] = max(expected + np.sqrt(expected) * counting[visit], 1.0)
    return np.log(seen)


def serve():
    """Answers each line on standard input with one on standard output."""
    print('{"protocol": 1}', flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        theta = request["theta"]
        if theta["birth"] < 0 or theta["scatter"] < 0:
            answer = {"id": request["id"], "error": "rates and scatters are not negative"}
        else:
            answer = {"id": request["id"], "data": simulate(request["seed"], **theta).tolist()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        seed, birth, scatter, path = sys.argv[2:]
        np.save(path, simulate(int(seed), float(birth), float(scatter)))
    else:
        serve()

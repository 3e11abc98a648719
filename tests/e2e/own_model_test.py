#!/usr/bin/python3
"""Networks that were made elsewhere: a TorchScript module and arrays of features, from nothing to a report, the same
numbers as in PyTorch and numpy; and one sentence for each kind of bad input."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np
import torch

from study_runs import HULLSCOPE, SOURCE, run

sys.path.insert(0, str(SOURCE / "analysis"))
import hullscope_io  # noqa: E402

WORK = pathlib.Path(tempfile.mkdtemp(prefix="hullscope own model "))
CLASSES, SIDE = 3, 8
COMMON = """
seed = 4
[train]
trials = {trials}
[encode]
dimensions = [2]
hidden = [8]
epochs = 10
rate = 0.01
[hull]
spaces = ["neural", "latent"]
[proximity]
spaces = ["neural", "latent"]
scores = {scores}
[reduce]
bootstrap = 50
"""


def images(count, seed):
    """Bright bars, one place a class, with noise: uint8, N x 8 x 8."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, count)
    pixels = random.normal(80, 40, (count, SIDE, SIDE))
    for i, label in enumerate(labels):
        pixels[i, 2 * label + 1] += 70
    return pixels.clip(0, 255).astype("uint8"), labels


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(inplace=True),
                                        torch.nn.MaxPool2d(2), torch.nn.Flatten())
        self.hidden = torch.nn.Linear(36, 10)
        self.act = torch.nn.ReLU(inplace=True)
        self.last = torch.nn.Linear(10, CLASSES)

    def forward(self, x):
        x = self.act(self.hidden(self.body(x)))
        return torch.log_softmax(self.last(torch.nn.functional.dropout(x, 0.5, self.training)), 1)


def trained(seed, epochs=8):
    torch.manual_seed(seed)
    x, y = (torch.from_numpy(a) for a in images(600, 1))
    network, x = Network(), ((x.float() / 255 - 0.4) / 0.2)[:, None]
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(epochs):
        loss = torch.nn.functional.nll_loss(network(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.eval()


def answers(network, pixels):
    """(first hidden layer before its ReLU, the input of the last dense layer, output) by PyTorch itself."""
    with torch.no_grad():
        x = ((torch.from_numpy(pixels).float() / 255 - 0.4) / 0.2)[:, None]
        hidden = network.hidden(network.body(x))
        return hidden.numpy().copy(), hidden.clamp(min=0).numpy(), network(x).numpy()


def setUpModule():
    torch.set_num_threads(1)
    for split, count, seed in (("train", 600, 1), ("test", 200, 2)):
        samples, labels = images(count, seed)
        np.save(WORK / f"{split}_x.npy", samples)
        np.save(WORK / f"{split}_y.npy", labels)
        for trial in range(2):
            hidden, neural, logits = answers(trained(trial), samples)
            np.save(WORK / f"{split}_f{trial:02}.npy", neural)
            np.save(WORK / f"{split}_p{trial:02}.npy", logits.argmax(1))
            np.save(WORK / f"{split}_l{trial:02}.npy", logits)
    for trial in range(2):
        network = trained(trial)
        torch.jit.script(network).save(str(WORK / f"model-{trial:02}.pt"))
        np.save(WORK / f"w{trial:02}.npy", network.last.weight.detach().numpy())
        np.save(WORK / f"b{trial:02}.npy", network.last.bias.detach().numpy())


def tearDownModule():
    shutil.rmtree(WORK, ignore_errors=True)


IMAGES = ('[data]\nset = "train_samples=train_x.npy,train_labels=train_y.npy,test_samples=test_x.npy,'
          'test_labels=test_y.npy"\nfolder = "."\n')
MODEL = '[[network]]\nname = "{name}"\ntorchscript = "{file}"\nmean = [0.4]\ndeviation = [0.2]\n{more}\n'
ARRAYS = ('[[network]]\nname = "{name}"\nfeatures = {{train = "train_f{{trial}}.npy", test = "test_f{{trial}}.npy"}}\n'
          'labels = {{train = "train_y.npy", test = "test_y.npy"}}\n{more}\n')
PREDICTIONS = 'predictions = {train = "train_p{trial}.npy", test = "test_p{trial}.npy"}'
HEAD = 'head = {weight = "w{trial}.npy", bias = "b{trial}.npy"}'


def study(name, text, trials=1, scores="[]"):
    path = WORK / f"{name}.toml"
    path.write_text(f'name = "{name}"' + COMMON.format(trials=trials, scores=scores) + text)
    return path


def refusal(text, trials=1, scores="[]", stages=("extract",)):
    """What the first refusing stage says; exit code 2 and one line."""
    path = study("bad", text, trials, scores)
    shutil.rmtree(WORK / "bad", ignore_errors=True)
    for stage in stages:
        done = subprocess.run([HULLSCOPE, stage, str(path), "--output", str(WORK / "bad"), "--ranks", "1"], text=True,
                              cwd=WORK, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        lines = [line for line in done.stderr.splitlines() if line.startswith("hullscope")]
        if done.returncode != 0:
            assert done.returncode == 2 and len(lines) == 1, (done.returncode, done.stderr)
            return lines[0]
    return ""


class TorchScript(unittest.TestCase):
    def test_from_a_file_to_a_report(self):
        path = study("script", IMAGES + MODEL.format(name="net", file="model-{trial}.pt", more=""), trials=2,
                     scores='["max_softmax"]')
        output = WORK / "script"
        run(output, study=path, ranks=2, stages="train,extract,encode,hull,proximity,reduce,report")
        page = (output / "report/index.html").read_text()
        self.assertIn("net (made elsewhere: TorchScript)", page)
        self.assertIn("the input of its last dense layer", page)
        self.assertNotIn("comes without a head", page)
        for trial in range(2):
            _, neural, logits = answers(trained(trial), np.load(WORK / "test_x.npy"))
            with h5py.File(output / f"net/trial-{trial:02}/activations.h5") as file:
                np.testing.assert_allclose(file["test/activation"][:], neural, rtol=1e-4, atol=1e-5)
                np.testing.assert_allclose(file["test/logit"][:], logits, rtol=1e-4, atol=1e-5)
                self.assertEqual(file["test/predicted"][:].tolist(), file["test/logit"][:].argmax(1).tolist())
            with h5py.File(output / f"net/trial-{trial:02}/latent-02/codes.h5") as file:
                self.assertTrue((file["test/hybrid_predicted"][:] >= 0).all())
                self.assertGreater(file.attrs["relative_accuracy"], 0.5)
        points = hullscope_io.points(output)
        self.assertEqual(len(points), 400)
        self.assertTrue({"neural.verdict", "output.max_softmax"} <= set(points))
        files = [str(p) for p in output.rglob("*.h5")]
        done = subprocess.run([HULLSCOPE, "check", *files], text=True, stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stdout)
        other = WORK / "script on 3"
        run(other, study=path, ranks=3, threads=2, stages="extract,encode")
        for name in ("net/trial-00/activations.h5", "net/trial-01/latent-02/codes.h5"):
            with h5py.File(output / name) as a, h5py.File(other / name) as b:
                self.assertEqual(a.attrs["content_digest"], b.attrs["content_digest"], name)
        self.assertIn("everything is done already", run(output, study=path, ranks=1))

    def test_a_named_layer_and_the_rest_of_the_network(self):
        """Before a ReLU that works in place: the layer's own output, and a head that is not one dense layer."""
        path = study("layer", IMAGES + MODEL.format(name="net", file="model-00.pt", more='layer = "hidden"'))
        output = WORK / "layer"
        run(output, study=path, ranks=1, stages="extract,encode")
        hidden, _, logits = answers(trained(0), np.load(WORK / "test_x.npy"))
        with h5py.File(output / "net/trial-00/activations.h5") as file:
            np.testing.assert_allclose(file["test/activation"][:], hidden, rtol=1e-4, atol=1e-5)
            self.assertLess(file["test/activation"][:].min(), 0)
            np.testing.assert_allclose(file["test/logit"][:], logits, rtol=1e-4, atol=1e-5)
        path = study("conv", IMAGES + MODEL.format(name="net", file="model-00.pt", more='layer = "body.3"'))
        run(WORK / "conv", study=path, ranks=1, stages="extract,encode")
        with h5py.File(WORK / "conv/net/trial-00/activations.h5") as file:
            self.assertEqual(file.attrs["neural_shape"], "4,3,3")
            np.testing.assert_allclose(file["test/logit"][:], logits, rtol=1e-4, atol=1e-5)

    def test_bad_files(self):
        def says(network, *words, more="", **options):
            file = WORK / "bad.pt"
            if isinstance(network, bytes):
                file.write_bytes(network)
            else:
                torch.jit.script(network).save(str(file))
            line = refusal(IMAGES + MODEL.format(name="net", file="bad.pt", more=more), **options)
            for word in ("bad.pt", *words):
                self.assertIn(word, line)

        says(b"no module", "not a TorchScript module")
        says(Network(), 'no layer "hiden"', 'did you mean "hidden"', more='layer = "hiden"')
        wide = Network()
        wide.last = torch.nn.Linear(10, 7)
        says(wide, "returns 4 x 7 numbers", "expected 4 x 3")
        spoilt = Network()
        spoilt.last.bias.data[1] = float("nan")
        says(spoilt, "not finite")
        flat = torch.nn.Sequential(torch.nn.Linear(64, 5), torch.nn.ReLU(), torch.nn.Linear(5, CLASSES))
        says(flat, "cannot take samples of shape 1 x 8 x 8")

        class OnCuda(Network):
            def forward(self, x):
                return self.last(self.hidden(self.body(x)) + torch.ones(10, device=torch.device("cuda:0")))

        says(OnCuda(), "needs CUDA")

        class Skip(Network):
            def forward(self, x):
                return self.last(self.act(self.hidden(self.body(x)))) + x.flatten(1)[:, :3]

        says(Skip(), "a way leads past it")
        self.assertIn("there is no such file", refusal(IMAGES + MODEL.format(name="net", file="none.pt", more="")))
        self.assertIn("train.trials = 1", refusal(IMAGES + MODEL.format(name="net", file="model-00.pt", more=""), trials=2))
        self.assertIn("network.mean has 2", refusal(IMAGES + '[[network]]\nname = "net"\ntorchscript = "model-00.pt"\n'
                                                    'mean = [1, 2]\ndeviation = [1, 2]\n'))


class Arrays(unittest.TestCase):
    def test_from_arrays_to_a_report(self):
        path = study("arrays", '[data]\nfolder = "."\n' + ARRAYS.format(name="heads", more=HEAD) +
                     ARRAYS.format(name="words", more=PREDICTIONS), trials=2)
        output = WORK / "arrays"
        run(output, study=path, ranks=2, stages="train,extract,encode,hull,proximity,reduce,report")
        page = (output / "report/index.html").read_text()
        for words in ("heads (made elsewhere: arrays of features)", "No relative accuracy and no intrinsic dimension of words",
                      "comes without a head, so that its accuracy through a bottleneck is not known"):
            self.assertIn(words, page)
        for words in ("Classifiers: Adam", "of the classifiers", "<strong>heads</strong> comes without"):
            self.assertNotIn(words, page)
        test, labels = np.load(WORK / "test_f01.npy"), np.load(WORK / "test_y.npy")
        logits = test @ np.load(WORK / "w01.npy").T + np.load(WORK / "b01.npy")
        with h5py.File(output / "heads/trial-01/activations.h5") as file:
            np.testing.assert_array_equal(file["test/activation"][:], test)
            np.testing.assert_allclose(file["test/logit"][:], logits, rtol=1e-4, atol=1e-5)
            self.assertAlmostEqual(file.attrs["accuracy_test"], (logits.argmax(1) == labels).mean())
        with h5py.File(output / "words/trial-01/activations.h5") as file:
            self.assertNotIn("logit", file["test"])
            np.testing.assert_array_equal(file["test/predicted"][:], np.load(WORK / "test_p01.npy"))
        table = hullscope_io.results(output).query("trial >= 0 and statistic == 'relative_accuracy'")
        self.assertTrue(table[table.network == "heads"].value.notna().all())
        self.assertTrue(table[table.network == "words"].value.isna().all())  # nothing to judge a reconstruction by
        self.assertEqual(len(table), 4)

    def test_no_wrong_answer(self):
        """Where nothing is wrong there is no AUROC and no logit: said, and the report is there."""
        for split in ("train", "test"):
            shutil.copy(WORK / f"{split}_y.npy", WORK / f"{split}_p77.npy")
        perfect = PREDICTIONS.replace("{trial}", "77")
        path = study("perfect", '[data]\nfolder = "."\n' + ARRAYS.format(name="net", more=perfect).replace("{trial}", "00"))
        run(WORK / "perfect", study=path, ranks=1, stages="train,extract,encode,hull,proximity,reduce,report")
        table = hullscope_io.results(WORK / "perfect")
        judged = table[table.statistic == "auroc"]
        self.assertTrue(len(judged) and judged.value.isna().all())
        self.assertNotIn("ok", set(judged.status))
        with h5py.File(WORK / "perfect/results.h5") as file:
            self.assertEqual(set(file["logit/status"][:].ravel().tolist()), {b"one outcome"})

    def test_bad_arrays(self):
        def says(text, *words, **options):
            line = refusal('[data]\nfolder = "."\n' + text, **options)
            for word in words:
                self.assertIn(word, line)

        one = ARRAYS.replace("{{trial}}", "00")
        predictions = PREDICTIONS.replace("{trial}", "00")
        np.save(WORK / "short.npy", np.load(WORK / "test_y.npy")[:-1])
        says(one.format(name="n", more=predictions).replace('test = "test_y.npy"', 'test = "short.npy"'), "short.npy",
             "199 labels for 200 samples")
        says(one.format(name="n", more=predictions).replace("test_p00.npy", "short.npy"), "short.npy",
             "199 predictions for 200 samples")
        np.save(WORK / "same.npy", np.zeros(600, int))
        np.save(WORK / "same_test.npy", np.zeros(200, int))
        says(one.format(name="n", more=predictions).replace("train_y", "same").replace("test_y", "same_test"),
             "1 classes, expected at least two")
        np.save(WORK / "large.npy", np.load(WORK / "test_p00.npy") + 1)
        says(one.format(name="n", more=predictions).replace("test_p00", "large"), "is 3, expected less than 3")
        spoilt = np.load(WORK / "test_f00.npy")
        spoilt[3, 4] = np.nan
        np.save(WORK / "spoilt.npy", spoilt)
        says(one.format(name="n", more=predictions).replace("test_f00", "spoilt"), "spoilt.npy", "row 3", "NaN")
        says(one.format(name="n", more=""), "neither predictions nor logits nor head")
        says(one.format(name="n", more=HEAD.replace("{trial}", "00").replace("w00", "b00")), "expected 2: classes x features")
        says(one.format(name="n", more=predictions), "max_softmax", "logits", scores='["max_softmax"]')


if __name__ == "__main__":
    unittest.main(verbosity=2)

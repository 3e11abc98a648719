#!/usr/bin/python3
"""Writes tests/golden/networks.json: small networks, their outputs in evaluation mode and, for training mode, the loss
and every gradient, all by plain numpy in double precision (loops over the definition, no library of networks).

usage: make_networks.py > networks.json
"""
import json
import sys

import numpy as np

rng = np.random.default_rng(20221)
EPS = 1e-5


def conv(x, w, b):
    n, c, height, width = x.shape
    k = w.shape[2]
    p = k // 2
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    y = np.empty((n, w.shape[0], height, width))
    for i in range(height):
        for j in range(width):
            window = padded[:, :, i:i + k, j:j + k]
            y[:, :, i, j] = np.einsum("ncij,ocij->no", window, w) + b
    return y


def conv_back(dy, x, w):
    k = w.shape[2]
    p = k // 2
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    dx, dw = np.zeros_like(padded), np.zeros_like(w)
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            dw += np.einsum("no,ncij->ocij", dy[:, :, i, j], padded[:, :, i:i + k, j:j + k])
            dx[:, :, i:i + k, j:j + k] += np.einsum("no,ocij->ncij", dy[:, :, i, j], w)
    return dx[:, :, p:p + x.shape[2], p:p + x.shape[3]], dw, dy.sum((0, 2, 3))


def windows(x, k):
    n, c, height, width = x.shape
    x = x[:, :, :height // k * k, :width // k * k]
    return x.reshape(n, c, height // k, k, width // k, k).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, height // k, width // k, k * k)


def pool_back(dy, x, k):
    blocks = windows(x, k)
    best = blocks.argmax(-1)
    dx = np.zeros_like(x)
    for place in np.ndindex(best.shape):
        n, c, i, j = place
        dx[n, c, i * k + best[place] // k, j * k + best[place] % k] += dy[place]
    return dx


def axes(x):
    return (0, 2, 3) if x.ndim == 4 else (0,)


def wide(v, x):
    return v.reshape((1, -1, 1, 1) if x.ndim == 4 else (1, -1))


class Net:
    def __init__(self, layers, sample):
        self.layers, self.arrays, self.order = layers, {}, []
        shape, count = sample, {}
        for i, text in enumerate(layers):
            word, *rest = text.split()
            count[word] = count.get(word, 0) + 1
            name = "output" if i == len(layers) - 1 else f"{word}{count[word]}"
            if word == "dense":
                self.put(name, "weight", rng.normal(0, 0.4, (int(rest[0]), int(np.prod(shape)))))
                self.put(name, "bias", rng.normal(0, 0.4, int(rest[0])))
                shape = (int(rest[0]),)
            elif word == "conv":
                k, units = int(rest[0].split("x")[0]), int(rest[1])
                self.put(name, "weight", rng.normal(0, 0.4, (units, shape[0], k, k)))
                self.put(name, "bias", rng.normal(0, 0.4, units))
                shape = (units, *shape[1:])
            elif word == "batchnorm":
                self.put(name, "weight", rng.uniform(0.5, 1.5, shape[0]))
                self.put(name, "bias", rng.normal(0, 0.4, shape[0]))
                self.put(name, "running_mean", rng.normal(0, 0.4, shape[0]))
                self.put(name, "running_var", rng.uniform(0.5, 1.5, shape[0]))
            elif word == "maxpool":
                shape = (shape[0], shape[1] // int(rest[0]), shape[2] // int(rest[0]))
            elif word == "flatten":
                shape = (int(np.prod(shape)),)
            self.order.append(name)

    def put(self, layer, name, values):
        self.arrays[f"{layer}.{name}"] = values.astype(np.float32).astype(np.float64)

    def forward(self, x, training):
        self.inputs, self.normal = [], {}
        for i, (text, name) in enumerate(zip(self.layers, self.order)):
            word, a = text.split()[0], self.arrays
            self.inputs.append(x)
            if word == "dense":
                x = x.reshape(len(x), -1) @ a[name + ".weight"].T + a[name + ".bias"]
            elif word == "relu":
                x = np.maximum(x, 0)
            elif word == "conv":
                x = conv(x, a[name + ".weight"], a[name + ".bias"])
            elif word == "maxpool":
                x = windows(x, int(text.split()[1])).max(-1)
            elif word == "flatten":
                x = x.reshape(len(x), -1)
            elif word == "batchnorm":
                mean = x.mean(axes(x)) if training else a[name + ".running_mean"]
                var = x.var(axes(x)) if training else a[name + ".running_var"]
                hat = (x - wide(mean, x)) / np.sqrt(wide(var, x) + EPS)
                self.normal[i] = (hat, var)
                x = hat * wide(a[name + ".weight"], x) + wide(a[name + ".bias"], x)
        return x

    def backward(self, dy):
        gradient = {}
        for i in reversed(range(len(self.layers))):
            text, name, x = self.layers[i], self.order[i], self.inputs[i]
            word = text.split()[0]
            if word == "dense":
                flat = x.reshape(len(x), -1)
                gradient[name + ".weight"], gradient[name + ".bias"] = dy.T @ flat, dy.sum(0)
                dy = (dy @ self.arrays[name + ".weight"]).reshape(x.shape)
            elif word == "relu":
                dy = dy * (x > 0)
            elif word == "conv":
                dy, gradient[name + ".weight"], gradient[name + ".bias"] = conv_back(dy, x, self.arrays[name + ".weight"])
            elif word == "maxpool":
                dy = pool_back(dy, x, int(text.split()[1]))
            elif word == "flatten":
                dy = dy.reshape(x.shape)
            elif word == "batchnorm":
                hat, var = self.normal[i]
                n = x.size / x.shape[1]
                gradient[name + ".weight"], gradient[name + ".bias"] = (dy * hat).sum(axes(x)), dy.sum(axes(x))
                dy = wide(self.arrays[name + ".weight"] / np.sqrt(var + EPS), x) * (
                    dy - wide(dy.sum(axes(x)) / n, x) - hat * wide((dy * hat).sum(axes(x)) / n, x))
        return gradient


def case(title, layers, sample, rows, classes):
    net = Net(layers, sample)
    x = rng.normal(0, 1, (rows, *sample)).astype(np.float32).astype(np.float64)
    output = net.forward(x, training=False)
    z = net.forward(x, training=True)
    if classes:
        labels = rng.integers(0, classes, rows)
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        loss = -np.log(p[np.arange(rows), labels]).mean()
        dz = p.copy()
        dz[np.arange(rows), labels] -= 1
        dz /= rows
    else:  # an autoencoder
        labels = []
        loss = ((z - x) ** 2).mean()
        dz = 2 * (z - x) / z.size
    gradient = net.backward(dz)
    return {"title": title, "layers": layers[:-1], "sample": sample, "classes": classes,
            "x": x.ravel().tolist(), "labels": [int(v) for v in labels],
            "arrays": {name: values.ravel().tolist() for name, values in net.arrays.items()},
            "output": output.ravel().tolist(), "loss": loss,
            "gradient": {name: values.ravel().tolist() for name, values in gradient.items()}}


json.dump([
    case("mlp", ["dense 7", "relu", "dense 5", "relu", "dense 4"], (6,), 9, 4),
    case("cnn", ["conv 3x3 3", "batchnorm", "relu", "conv 3x3 2", "batchnorm", "relu", "maxpool 2", "flatten", "dense 6",
                 "batchnorm", "relu", "dense 3"], (2, 5, 6), 7, 3),
    case("autoencoder", ["dense 8", "relu", "dense 2", "dense 8", "relu", "dense 5"], (5,), 6, 0),
], sys.stdout)
sys.stdout.write("\n")

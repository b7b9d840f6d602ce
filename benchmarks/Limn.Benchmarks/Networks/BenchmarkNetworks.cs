using Limn.Data;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;

namespace Limn.Benchmarks.Networks;

/// <summary>The networks that differentiation is measured on, as torchvision and PyTorch have them.</summary>
internal static class BenchmarkNetworks
{
    /// <summary>Each by its name; given true, it is made blank: the right shapes, and zeros for weights.</summary>
    public static IReadOnlyDictionary<string, Func<bool, Network>> All { get; } = new Dictionary<string, Func<bool, Network>>
    {
        ["resnet18"] = ResNet18, ["squeezenet1_1"] = SqueezeNet11, ["mobilenet_v2"] = MobileNetV2, ["vgg11"] = Vgg11, ["vit_tiny"] = VitTiny, ["bert"] = Bert,
    };

    /// <summary>Writes each network as FOLDER/NAME.onnx, and what to feed it as FOLDER/NAME.npy.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="names">Which; all when empty.</param>
    public static void Write(string folder, params ReadOnlySpan<string> names)
    {
        Directory.CreateDirectory(folder);
        foreach (string name in names.IsEmpty ? [.. All.Keys] : names)
        {
            Network network = All[name](false);
            OnnxWriter.Write(network.Graph, Path.Combine(folder, $"{name}.onnx"));
            if (network.Sample!.Type.IsInteger()) NpyFile.Write(Path.Combine(folder, $"{name}.npy"), System.Numerics.Tensors.Tensor.Create(network.Sample.Integers.ToArray(), [.. network.Sample.Dims]));
            else NpyFile.Write(Path.Combine(folder, $"{name}.npy"), network.Sample.ToTensor());
        }
    }

    /// <summary>He et al.: Deep Residual Learning for Image Recognition, 2016.</summary>
    private static Network ResNet18(bool blank)
    {
        NetworkBuilder n = NetworkBuilder.OfPictures("resnet18", blank);
        Value x = n.MaxPool(n.Relu(n.Norm(n.Conv(n.Input, "conv1", 64, 7, 2, 3, bias: false), "bn1")), 3, 2, 1);
        for (int stage = 1; stage <= 4; stage++)
            for (int block = 0; block < 2; block++)
            {
                int channels = 32 << stage, stride = stage > 1 && block == 0 ? 2 : 1;
                string name = $"layer{stage}.{block}";
                Value y = n.Relu(n.Norm(n.Conv(x, $"{name}.conv1", channels, 3, stride, 1, bias: false), $"{name}.bn1"));
                y = n.Norm(n.Conv(y, $"{name}.conv2", channels, 3, 1, 1, bias: false), $"{name}.bn2");
                x = n.Relu(n.Add(y, stride == 1 ? x : n.Norm(n.Conv(x, $"{name}.downsample.0", channels, 1, stride, bias: false), $"{name}.downsample.1")));
            }
        return n.Done(n.Linear(n.AveragePool(x), "fc", 1000));
    }

    /// <summary>Iandola et al.: SqueezeNet, 2016; version 1.1.</summary>
    private static Network SqueezeNet11(bool blank)
    {
        NetworkBuilder n = NetworkBuilder.OfPictures("squeezenet1_1", blank);
        Value x = Pool(n.Relu(n.Conv(n.Input, "features.0", 64, 3, 2)));
        x = Pool(Fire(Fire(x, 3, 16, 64), 4, 16, 64));
        x = Pool(Fire(Fire(x, 6, 32, 128), 7, 32, 128));
        x = Fire(Fire(Fire(Fire(x, 9, 48, 192), 10, 48, 192), 11, 64, 256), 12, 64, 256);
        return n.Done(n.AveragePool(n.Relu(n.Conv(x, "classifier.1", 1000, 1))));

        Value Pool(Value y) => n.MaxPool(y, 3, 2, ceil: true);

        Value Fire(Value y, int at, int squeeze, int expand)
        {
            Value squeezed = n.Relu(n.Conv(y, $"features.{at}.squeeze", squeeze, 1));
            return n.Concat(n.Relu(n.Conv(squeezed, $"features.{at}.expand1x1", expand, 1)), n.Relu(n.Conv(squeezed, $"features.{at}.expand3x3", expand, 3, 1, 1)));
        }
    }

    /// <summary>Sandler et al.: MobileNetV2, 2018.</summary>
    private static Network MobileNetV2(bool blank)
    {
        NetworkBuilder n = NetworkBuilder.OfPictures("mobilenet_v2", blank);
        Value x = Layer(n.Input, "features.0", 32, 3, stride: 2);
        int at = 1;
        foreach (var (expand, channels, count, first) in ((int, int, int, int)[])[(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)])
            for (int i = 0; i < count; i++, at++)
            {
                int inputs = x.Shape![1].Value, wide = inputs * expand, stride = i == 0 ? first : 1, part = 0;
                Value y = expand == 1 ? x : Layer(x, $"features.{at}.conv.{part++}", wide, 1);
                y = Layer(y, $"features.{at}.conv.{part++}", wide, 3, stride, wide);
                y = n.Norm(n.Conv(y, $"features.{at}.conv.{part}", channels, 1, bias: false), $"features.{at}.conv.{part + 1}");
                x = stride == 1 && inputs == channels ? n.Add(x, y) : y;
            }
        return n.Done(n.Linear(n.AveragePool(Layer(x, "features.18", 1280, 1)), "classifier.1", 1000));

        Value Layer(Value y, string name, int channels, int kernel, int stride = 1, int group = 1) =>
            n.Relu6(n.Norm(n.Conv(y, $"{name}.0", channels, kernel, stride, kernel / 2, group, bias: false), $"{name}.1"));
    }

    /// <summary>Simonyan, Zisserman: Very Deep Convolutional Networks, 2015, configuration A.</summary>
    private static Network Vgg11(bool blank)
    {
        NetworkBuilder n = NetworkBuilder.OfPictures("vgg11", blank);
        Value x = n.Input;
        int at = 0;
        foreach (int channels in (int[])[64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0]) // 0: a pooling
        {
            x = channels == 0 ? n.MaxPool(x, 2, 2) : n.Relu(n.Conv(x, $"features.{at}", channels, 3, 1, 1));
            at += channels == 0 ? 1 : 2;
        }
        x = n.Relu(n.Linear(n.Flatten(x), "classifier.0", 4096, gain: 2));
        x = n.Relu(n.Linear(x, "classifier.3", 4096, gain: 2));
        return n.Done(n.Linear(x, "classifier.6", 1000));
    }

    /// <summary>Dosovitskiy et al.: An Image is Worth 16x16 Words, 2021, in the size of Touvron et al.'s DeiT-Ti, 2021.</summary>
    private static Network VitTiny(bool blank)
    {
        const int Width = 192, Heads = 3, Layers = 12, Tokens = 197;
        const float Epsilon = 1e-6f;
        NetworkBuilder n = NetworkBuilder.OfPictures("vit_tiny", blank);
        Value x = n.AddPlaces(n.Tokens(n.Conv(n.Input, "conv_proj", Width, 16, 16), "class_token"), "encoder.pos_embedding", 1, Tokens, Width);
        for (int i = 0; i < Layers; i++)
        {
            string name = $"encoder.layers.encoder_layer_{i}";
            x = n.Add(x, n.Attention(n.LayerNorm(x, $"{name}.ln_1", Epsilon), $"{name}.self_attention.in_proj", $"{name}.self_attention.out_proj", Heads));
            x = n.Add(x, n.Linear(n.Gelu(n.Linear(n.LayerNorm(x, $"{name}.ln_2", Epsilon), $"{name}.mlp.0", 4 * Width)), $"{name}.mlp.3", Width));
        }
        return n.Done(n.Linear(n.First(n.LayerNorm(x, "encoder.ln", Epsilon)), "heads.head", 1000));
    }

    /// <summary>Devlin et al.: BERT, 2019: four layers of width 256, 128 tokens, a classifier on the first one.</summary>
    private static Network Bert(bool blank)
    {
        const int Vocabulary = 30522, Width = 256, Heads = 4, Layers = 4, Length = 128;
        const float Epsilon = 1e-12f;
        var n = new NetworkBuilder("bert", ElementType.Int64, blank ? null : Samples.Tokens(8, Length, Vocabulary), Length);
        Value x = n.AddPlaces(n.AddPlaces(n.Embed(n.Input, "words", Vocabulary, Width), "places.weight", Length, Width), "kinds.weight", 1, Width);
        x = n.LayerNorm(x, "norm", Epsilon);
        for (int i = 0; i < Layers; i++)
        {
            string name = $"layers.{i}";
            x = n.LayerNorm(n.Add(x, n.Attention(x, $"{name}.attention.qkv", $"{name}.attention.out", Heads)), $"{name}.norm1", Epsilon);
            x = n.LayerNorm(n.Add(x, n.Linear(n.Gelu(n.Linear(x, $"{name}.up", 4 * Width)), $"{name}.down", Width)), $"{name}.norm2", Epsilon);
        }
        return n.Done(n.Linear(n.Tanh(n.Linear(n.First(x), "pooler", Width)), "classifier", 10));
    }
}

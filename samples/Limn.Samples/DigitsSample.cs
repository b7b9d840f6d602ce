using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Operators;
using Limn.Engine.Training;

namespace Limn.Samples;

/// <summary>A convolutional network on UCI's handwritten digits: 8x8 grey values 0..16, ten classes.</summary>
internal static class DigitsSample
{
    public static void Make(string folder)
    {
        SampleData data = SampleData.Read(folder, testShare: 0.2);
        NdArray train = SampleData.Batch(data.Train, 1f / 16, 1, 8, 8), test = SampleData.Batch(data.Test, 1f / 16, 1, 8, 8);
        data.WriteTest(folder);
        Train(Network(), "model.onnx");
        Train(PooledNetwork(), "pooled.onnx");
        Train(AttentionNetwork(), "attention.onnx");

        void Train(Graph network, string file)
        {
            var trainer = new Trainer(network, Losses.CrossEntropy)
            {
                Optimizer = new Adam(2e-3f) { WeightDecay = 1e-4f },
                Epochs = 30,
                BatchSize = 32,
                Schedule = (epoch, optimizer) => optimizer.LearningRate = epoch > 20 ? 4e-4f : 2e-3f,
            };
            Graph model = trainer.Fit(train, Losses.OneHot(data.TrainLabels, 10));
            OnnxWriter.Write(model, Path.Combine(folder, file));
            Console.WriteLine($"digits, {file}: test accuracy {SampleData.Accuracy(model, test, data.TestLabels):P1} on {data.Test.Length} rows, {SampleData.Accuracy(model, train, data.TrainLabels):P1} on {data.Train.Length} training rows");
        }
    }

    /// <summary>A network that ends in the mean over positions and one linear layer, as class activation mapping (CAM) needs it.</summary>
    private static Graph PooledNetwork()
    {
        var g = new GraphBuilder("digits, pooled");
        var layers = new NamedLayers(g, 11);

        var same = new SlidingWindow { Kernel = [3, 3], Pads = [1, 1, 1, 1] };
        Value x = g.Input("image", ElementType.Float, [Dim.Named("batch"), 1, 8, 8]);
        Value h = layers.Layer(new Relu(), "relu1", layers.Layer(new Conv(same), "conv1", x, layers.Weights("conv1.weight", 16, 1, 3, 3), layers.Bias("conv1.bias", 16)));
        h = layers.Layer(new MaxPool(new SlidingWindow { Kernel = [2, 2], Strides = [2, 2] }), "pool1", h);
        h = layers.Layer(new Relu(), "relu2", layers.Layer(new Conv(same), "conv2", h, layers.Weights("conv2.weight", 32, 16, 3, 3), layers.Bias("conv2.bias", 32)));
        h = layers.Layer(new Flatten { Axis = 1 }, "flatten", layers.Layer(new GlobalAveragePool(), "mean", h));
        g.Output(layers.Layer(new Gemm(), "logits", h, layers.Weights("fc.weight", 32, 10), layers.Bias("fc.bias", 10)));
        return g.Build();
    }

    /// <summary>A small vision transformer: 16 patches of 2 x 2 pixels, two layers in which they attend to each other, their mean, one linear layer.</summary>
    private static Graph AttentionNetwork()
    {
        const int Tokens = 16, Width = 24;
        var g = new GraphBuilder("digits, attention");
        var layers = new NamedLayers(g, 31);

        Value x = g.Input("image", ElementType.Float, [Dim.Named("batch"), 1, 8, 8]);
        Value patches = layers.Layer(new Conv(new SlidingWindow { Kernel = [2, 2], Strides = [2, 2] }), "patches", x, layers.Weights("patches.weight", Width, 1, 2, 2), layers.Bias("patches.bias", Width));
        Value h = g.Transpose(g.Reshape(patches, 0, Width, Tokens), 0, 2, 1);
        h = layers.Layer(new Add(), "tokens", h, layers.Weights("position", Tokens, Width));
        for (int layer = 1; layer <= 2; layer++)
        {
            Value query = g.MatMul(h, layers.Weights($"query{layer}", Width, Width)), key = g.MatMul(h, layers.Weights($"key{layer}", Width, Width)), value = g.MatMul(h, layers.Weights($"value{layer}", Width, Width));
            Value scores = g.Scale(g.MatMul(query, g.Transpose(key, 0, 2, 1)), 1 / MathF.Sqrt(Width));
            Value attention = layers.Layer(new Softmax { Axis = -1 }, $"attention{layer}", scores);
            h = layers.Layer(new Add(), $"mixed{layer}", h, g.MatMul(attention, value));
            Value inner = g.Relu(g.Add(g.MatMul(h, layers.Weights($"up{layer}", Width, 2 * Width)), layers.Bias($"up{layer}.bias", 2 * Width)));
            h = layers.Layer(new Add(), $"layer{layer}", h, g.MatMul(inner, layers.Weights($"down{layer}", 2 * Width, Width)));
        }
        Value mean = g.ReduceMean(h, [1], keepDims: false);
        g.Output(layers.Layer(new Gemm(), "logits", mean, layers.Weights("fc.weight", Width, 10), layers.Bias("fc.bias", 10)));
        return g.Build();
    }

    private static Graph Network()
    {
        var g = new GraphBuilder("digits");
        var layers = new NamedLayers(g, 1);

        var same = new SlidingWindow { Kernel = [3, 3], Pads = [1, 1, 1, 1] };
        var halve = new SlidingWindow { Kernel = [2, 2], Strides = [2, 2] };
        Value x = g.Input("image", ElementType.Float, [Dim.Named("batch"), 1, 8, 8]);
        Value h = layers.Layer(new Relu(), "relu1", layers.Layer(new Conv(same), "conv1", x, layers.Weights("conv1.weight", 16, 1, 3, 3), layers.Bias("conv1.bias", 16)));
        h = layers.Layer(new MaxPool(halve), "pool1", h);
        h = layers.Layer(new Relu(), "relu2", layers.Layer(new Conv(same), "conv2", h, layers.Weights("conv2.weight", 32, 16, 3, 3), layers.Bias("conv2.bias", 32)));
        h = layers.Layer(new MaxPool(halve), "pool2", h);
        h = layers.Layer(new Flatten { Axis = 1 }, "flatten", h);
        h = layers.Layer(new Relu(), "relu3", layers.Layer(new Gemm(), "fc1", h, layers.Weights("fc1.weight", 128, 64), layers.Bias("fc1.bias", 64)));
        g.Output(layers.Layer(new Gemm(), "logits", h, layers.Weights("fc2.weight", 64, 10), layers.Bias("fc2.bias", 10)));
        return g.Build();
    }
}

using System.Numerics.Tensors;
using Limn.Compilation;
using Limn.Data;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn;

/// <summary>
/// What stands for "absent": the input that a change is measured from. Given in terms of the model's inputs; when a layer is
/// explained, its baseline is what the layer is at the baseline input.
/// </summary>
public abstract record Baseline
{
    /// <summary>All zeros.</summary>
    public static Baseline Zero { get; } = new ConstantBaseline(0);

    /// <summary>The mean of each channel of the picture; for tables, of each column over the rows given.</summary>
    public static Baseline Mean { get; } = new ChannelBaseline("mean", (channel, _, _) => channel.Mean, new ReduceMean());

    /// <summary>The smallest value of each channel of the picture; for tables, of each column over the rows given.</summary>
    public static Baseline Black { get; } = new ChannelBaseline("black", (channel, _, _) => (float)channel.Low, new ReduceMin());

    /// <summary>The largest value of each channel of the picture; for tables, of each column over the rows given.</summary>
    public static Baseline White { get; } = new ChannelBaseline("white", (channel, _, _) => (float)channel.High, new ReduceMax());

    /// <summary>Each element drawn evenly between the smallest and largest value of its channel (for tables, of its column over the rows given).</summary>
    /// <param name="seed">The same seed gives the same draws. A row's draws depend on its position among the rows.</param>
    public static Baseline Uniform(ulong seed = 0) => new ChannelBaseline("uniform", (channel, _, index) =>
        (float)(channel.Low + (channel.High - channel.Low) * new CounterRandom(seed).Uniform(index)));

    /// <summary>The input itself, with Gaussian noise added.</summary>
    /// <param name="stdev">The noise's standard deviation, as a share of the range of the channel (for tables, of the column over the rows given).</param>
    /// <param name="seed">The same seed gives the same draws. A row's draws depend on its position among the rows.</param>
    /// <exception cref="InvalidOptionException">The standard deviation is not positive.</exception>
    public static Baseline Gaussian(double stdev = 0.5, ulong seed = 0) => stdev > 0
        ? new ChannelBaseline("gaussian", (channel, element, index) => (float)(element + stdev * (channel.High - channel.Low) * new CounterRandom(seed).Normal(index)))
        : throw new InvalidOptionException($"The noise's standard deviation must be positive, and {stdev} was given.");

    /// <summary>
    /// Zeros where a model of token ids is explained, at its embedding: the embedding of no token. (<see cref="Zero"/> is the token of id 0.) For methods
    /// that integrate along a path; others measure from an input, and take token ids.
    /// </summary>
    public static Baseline ZeroEmbedding { get; } = new EmptyEmbedding();

    /// <summary>One number everywhere.</summary>
    public static Baseline Value(float value) => new ConstantBaseline(value);

    /// <summary>A tensor: of the input's shape, of one row's shape, or with a single row for all.</summary>
    public static Baseline Of(Tensor<float> tensor) => new ArrayBaseline([NdArray.From(tensor)]);

    /// <summary>An array for each input of the model.</summary>
    public static Baseline Of(IReadOnlyList<NdArray> arrays) => new ArrayBaseline(arrays);

    /// <summary>The picture itself, blurred by a Gaussian.</summary>
    /// <param name="sigma">Its standard deviation in pixels; a twentieth of the longer side when null.</param>
    public static Baseline Blur(double? sigma = null) => new BlurBaseline(sigma);

    /// <summary>What surrounds an absent part of a picture, drawn into it (<see cref="Inpainting.Telea"/>): for methods that play a game, whose coalitions say what is absent.</summary>
    public static Baseline Inpaint { get; } = new Inpainted();

    /// <summary>Several baselines; the attributions are averaged over them.</summary>
    public static Baseline Several(params IReadOnlyList<Baseline> baselines) => new SeveralBaselines(baselines);

    /// <summary>Each row of a tensor as a baseline; the attributions are averaged over them.</summary>
    public static Baseline Background(Tensor<float> rows)
    {
        NdArray array = NdArray.From(rows);
        return Background([array]);
    }

    /// <summary>Each row of the arrays, one for each input of the model, as a baseline; the attributions are averaged over them.</summary>
    /// <param name="arrays">The rows.</param>
    /// <param name="weights">How much each row counts, for methods that play a game; null where all count the same.</param>
    /// <exception cref="InvalidOptionException">The weights are not one for each row, or negative.</exception>
    /// <exception cref="ShapeMismatchException">The arrays have different numbers of rows, or none.</exception>
    public static Baseline Background(IReadOnlyList<NdArray> arrays, IReadOnlyList<double>? weights = null)
    {
        ArgumentNullException.ThrowIfNull(arrays);
        int rows = arrays.Count == 0 || arrays[0].Rank == 0 ? 0 : arrays[0].Dims[0];
        if (rows == 0 || arrays.Any(a => a.Rank == 0 || a.Dims[0] != rows))
            throw new ShapeMismatchException($"A background needs at least one row, and as many for each input; the arrays are {string.Join(", ", arrays)}.");
        if (weights is not null && (weights.Count != rows || weights.Any(w => !(w >= 0) || !double.IsFinite(w)) || !(weights.Sum() > 0)))
            throw new InvalidOptionException($"A background of {rows} rows needs as many weights, none negative and not all zero; {weights.Count} were given, which add up to {weights.Sum()}.");
        return new BackgroundBaseline(arrays, weights is null ? null : [.. weights.Select(w => w / weights.Sum())]);
    }

    public abstract string Describe();

    /// <summary>How many alternatives there are.</summary>
    internal virtual int Count => 1;

    /// <summary>What each alternative weighs, adding up to one; null where all weigh the same.</summary>
    internal virtual IReadOnlyList<double>? Weights => null;

    /// <summary>The alternatives as the rows of an array for each input, where they are the same whatever the input; null where they are not.</summary>
    internal virtual IReadOnlyList<NdArray>? RowsFor(IReadOnlyList<NdArray> inputs) => null;

    /// <summary>The alternatives, each an array for each input with as many rows as the inputs have.</summary>
    internal virtual IEnumerable<IReadOnlyList<NdArray>> Resolve(IReadOnlyList<NdArray> inputs) => [[.. inputs.Select((x, i) => Fill(x, i))]];

    /// <summary>The alternatives as values of a graph, each one for each input.</summary>
    /// <exception cref="InvalidOptionException">They are drawn at random.</exception>
    internal virtual IEnumerable<IReadOnlyList<Value>> InGraph(ExplanationGraph question) => [[.. question.Inputs.Select((x, i) => Fill(question, x, i))]];

    private protected abstract NdArray Fill(NdArray input, int index);

    /// <summary>What does not depend on the input is a constant.</summary>
    private protected virtual Value Fill(ExplanationGraph question, Value input, int index) =>
        question.Graph.RepeatedLike(question.Graph.Constant(Fill(question.Blank(question.Network.Graph.Inputs[index]), index)), input);

    internal sealed record EmptyEmbedding : Baseline
    {
        public override string Describe() => "zero embedding";

        private protected override NdArray Fill(NdArray input, int index) => input.Type.IsFloating() ? Zero.Fill(input, index)
            : throw new InvalidOptionException("This method measures from another input, not from another embedding, so a zero embedding cannot be its baseline. Give token ids (--baseline FILE), or use integrated-gradients.");
    }

    internal sealed record Inpainted : Baseline
    {
        public override string Describe() => "inpaint";

        private protected override NdArray Fill(NdArray input, int index) =>
            throw new InvalidOptionException("Inpainting fills what is absent from what is present around it, so that there is no picture with everything absent to measure from. It is for methods that play a game with the parts of a picture (kernel-shap, permutation-shap, partition-shap, ...); use --baseline blur or mean here.");
    }

    private sealed record ConstantBaseline(float Number) : Baseline
    {
        public override string Describe() => Number.ToString(System.Globalization.CultureInfo.InvariantCulture);

        private protected override NdArray Fill(NdArray input, int index)
        {
            NdArray filled = NdArray.Create(input.Type, input.Dims.ToArray());
            switch (input.Type.Storage())
            {
                case Storage.Float: filled.Floats.Fill(Number); break;
                case Storage.Integer: filled.Integers.Fill((long)Number); break;
                case Storage.Boolean: filled.Booleans.Fill(Number != 0); break;
                default: throw new InvalidDataException("A number cannot be the baseline of text; give rows of text (--background FILE), or a text (--baseline FILE).");
            }
            return filled;
        }

        private protected override Value Fill(ExplanationGraph question, Value input, int index) =>
            question.Graph.RepeatedLike(question.Graph.Constant(Fill(NdArray.Create(input.Type), index)), input);
    }

    private sealed record ArrayBaseline(IReadOnlyList<NdArray> Arrays) : Baseline
    {
        public override string Describe() => "array";

        private protected override NdArray Fill(NdArray input, int index)
        {
            if (index >= Arrays.Count)
                throw new ShapeMismatchException($"The model has more inputs than the {Arrays.Count} that a baseline was given for.");
            NdArray array = Arrays[index];
            if (array.Type.Storage() == Storage.Float) CheckFinite(array);
            int inner = input.Length / input.Dims[0];
            bool fits = array.Dims.SequenceEqual(input.Dims) || array.Dims.SequenceEqual(input.Dims[1..])
                || (array.Rank == input.Rank && array.Dims[0] == 1 && array.Dims[1..].SequenceEqual(input.Dims[1..]));
            if (!fits)
                throw new ShapeMismatchException($"The baseline has the shape {NdArray.Describe(array.Dims)}, and the input {NdArray.Describe(input.Dims)}. Give one row, or as many as the input has; --background averages over several.");
            if (array.Dims.SequenceEqual(input.Dims)) return array;
            NdArray row = array.Reshape([1, .. input.Dims[1..]]);
            return inner == 0 ? row : Batches.Select(row, new int[input.Dims[0]]);
        }
    }

    private sealed record ChannelBaseline(string Name, Replacement Replace, ReduceOperator? Reduce = null) : Baseline
    {
        public override string Describe() => Name;

        private protected override NdArray Fill(NdArray input, int index)
        {
            if (!input.Type.IsFloating()) throw new InvalidDataException($"The baseline '{Name}' is made for floating-point inputs, and an input holds {input.Type} elements. Use --baseline 0 or a file.");
            NdArray filled = NdArray.Create(input.Type, input.Dims.ToArray());
            int rows = input.Dims[0], columns = input.Length / rows;
            // A table's channels are its columns, over all rows; a picture's are its planes, of each row.
            bool table = input.Rank <= 2;
            int channels = table ? columns : rows * input.Dims[1], size = table ? rows : columns / input.Dims[1];
            for (int c = 0; c < channels; c++)
            {
                int At(int i) => table ? i * columns + c : c * size + i;
                var values = new double[size];
                for (int i = 0; i < size; i++) values[i] = input.Floats[At(i)];
                var channel = new Channel(values);
                for (int i = 0; i < size; i++) filled.Floats[At(i)] = Replace(channel, values[i], ((ulong)index << 40) + (ulong)At(i));
            }
            return filled;
        }

        private protected override Value Fill(ExplanationGraph question, Value input, int index) => Reduce is null
            ? throw new InvalidOptionException($"The baseline '{Name}' is drawn at random, and a compiled explanation is the same every time. Use --baseline 0, mean, black, white or a file.")
            : question.Graph.RepeatedLike(question.Graph.Reduce(Reduce, input, input.Rank <= 2 ? [0] : GraphMath.Axes(2, input.Rank)), input);
    }

    private sealed record BlurBaseline(double? Sigma) : Baseline
    {
        public override string Describe() => "blur";

        private protected override NdArray Fill(NdArray input, int index)
        {
            var (height, width, sigma) = Sizes(input);
            return GaussianBlur.Planes(input, height, width, sigma);
        }

        private protected override Value Fill(ExplanationGraph question, Value input, int index)
        {
            var (height, width, sigma) = Sizes(question.Blank(question.Network.Graph.Inputs[index]));
            return GaussianBlur.Planes(question.Graph, input, height, width, sigma);
        }

        private (int Height, int Width, double Sigma) Sizes(NdArray input)
        {
            if (input.Rank < 3)
                throw new ShapeMismatchException($"A blurred baseline needs a picture, and the input has the shape {NdArray.Describe(input.Dims)}. Use --baseline 0 or mean.");
            int height = input.Rank == 3 ? 1 : input.Dims[^2], width = input.Dims[^1];
            double sigma = Sigma ?? Math.Max(height, width) / 20.0;
            if (!(sigma > 0)) throw new InvalidOptionException($"The blur's standard deviation must be positive, and {sigma} was given.");
            return (height, width, sigma);
        }
    }

    private sealed record BackgroundBaseline(IReadOnlyList<NdArray> Arrays, IReadOnlyList<double>? Shares) : Baseline
    {
        public override string Describe() => $"{Count} baselines";

        internal override int Count => Arrays[0].Dims[0];

        internal override IReadOnlyList<double>? Weights => Shares;

        internal override IReadOnlyList<NdArray>? RowsFor(IReadOnlyList<NdArray> inputs)
        {
            Row(0).Resolve([.. inputs.Select(x => x.Rows(0, 1))]).First(); // says what does not fit
            foreach (NdArray array in Arrays.Where(a => a.Type.IsFloating())) CheckFinite(array);
            return [.. Arrays.Zip(inputs, (a, x) => InputConversion.Convert("background", x.Type, a).Reshape([a.Dims[0], .. x.Dims[1..]]))];
        }

        internal override IEnumerable<IReadOnlyList<NdArray>> Resolve(IReadOnlyList<NdArray> inputs) => Rows.SelectMany(r => r.Resolve(inputs));

        internal override IEnumerable<IReadOnlyList<Value>> InGraph(ExplanationGraph question) => Rows.SelectMany(r => r.InGraph(question));

        private protected override NdArray Fill(NdArray input, int index) => throw new LimnException("This method takes a single baseline.");

        private IEnumerable<Baseline> Rows => Enumerable.Range(0, Count).Select(Row);

        private Baseline Row(int r) => new ArrayBaseline([.. Arrays.Select(a => a.Rows(r, 1))]);
    }

    private sealed record SeveralBaselines(IReadOnlyList<Baseline> Parts) : Baseline
    {
        public override string Describe() => $"{Count} baselines";

        internal override int Count => Parts.Sum(p => p.Count);

        internal override IEnumerable<IReadOnlyList<NdArray>> Resolve(IReadOnlyList<NdArray> inputs) => Parts.SelectMany(p => p.Resolve(inputs));

        internal override IEnumerable<IReadOnlyList<Value>> InGraph(ExplanationGraph question) => Parts.SelectMany(p => p.InGraph(question));

        private protected override NdArray Fill(NdArray input, int index) => throw new LimnException("This method takes a single baseline.");
    }

    private static void CheckFinite(NdArray array)
    {
        foreach (float v in array.Floats)
            if (!float.IsFinite(v)) throw new InvalidDataException($"The baseline holds {v}; it must be finite numbers.");
    }

    /// <summary>What stands in for an element of a channel.</summary>
    private delegate float Replacement(Channel channel, double element, ulong index);

    /// <summary>The mean and the range of a picture's plane or a table's column.</summary>
    private sealed class Channel(double[] values)
    {
        public float Mean { get; } = (float)(values.Sum() / values.Length);

        public double Low { get; } = values.Min();

        public double High { get; } = values.Max();
    }
}

using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;

namespace Limn.Engine.Training;

/// <summary>What an epoch came to.</summary>
/// <param name="Epoch">Counted from 1.</param>
/// <param name="Epochs">How many there will be.</param>
/// <param name="Loss">The mean of the loss over the rows, each batch measured before its step.</param>
public readonly record struct EpochResult(int Epoch, int Epochs, double Loss);

/// <summary>
/// Fits the weights of a small graph by mini-batches. The gradients come from <see cref="Gradient"/> with the weights as places,
/// so whatever can be explained can be trained.
/// </summary>
/// <remarks>The same seed gives the same weights, bit for bit, whatever the number of threads.</remarks>
public sealed class Trainer
{
    private readonly Graph graph;
    private readonly Losses.Loss loss;

    /// <param name="graph">A graph with one input; its first output is compared with the targets.</param>
    /// <param name="loss">The loss, for example <see cref="Losses.CrossEntropy"/>.</param>
    public Trainer(Graph graph, Losses.Loss loss)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(loss);
        if (graph.Inputs.Count != 1) throw new LimnException($"A Trainer fits graphs of one input, and this one has {graph.Inputs.Count}.");
        this.graph = graph;
        this.loss = loss;
    }

    /// <summary>The initializers that are fitted; null for all floating ones of at least one dimension.</summary>
    public IReadOnlyList<Value>? Parameters { get; init; }

    public Optimizer Optimizer { get; init; } = new Adam();

    public int Epochs { get; init; } = 10;

    public int BatchSize { get; init; } = 32;

    /// <summary>The seed of the order of the rows.</summary>
    public ulong Seed { get; init; }

    /// <summary>How many threads may be used; 0 for all processors.</summary>
    public int Threads { get; init; }

    /// <summary>Called before each epoch; may change the learning rate.</summary>
    public Action<int, Optimizer>? Schedule { get; init; }

    /// <summary>Fits the weights and returns the graph with the new ones. The graph given stays as it was.</summary>
    /// <param name="inputs">The rows [rows, ...].</param>
    /// <param name="targets">What the first output should be: [rows, ...] of the output's shape.</param>
    /// <param name="progress">Told after each epoch.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <exception cref="ShapeMismatchException">The numbers of rows differ, or a shape does not fit.</exception>
    /// <exception cref="LimnException">The loss became NaN or infinite.</exception>
    public Graph Fit(NdArray inputs, NdArray targets, IProgress<EpochResult>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        int rows = inputs.Dims[0];
        if (targets.Dims[0] != rows) throw new ShapeMismatchException($"There are {rows} rows of inputs and {targets.Dims[0]} of targets.");

        Value[] parameters = [.. Parameters ?? graph.Initializers.Keys.Where(v => v.Type.IsFloating() && v.Rank > 0)];
        var builder = new GraphBuilder(graph);
        Value target = builder.Input("limn.target", graph.Outputs[0].Type, graph.Outputs[0].Shape);
        Value score = loss(builder, graph.Outputs[0], target);
        GradientGraph gradients = Gradient.Of(builder.Build(), score, parameters);
        var session = new Session(gradients.Graph, Threads);
        Value[] fetches = [score, .. parameters.Select((_, i) => gradients.Required(i))];
        NdArray[] weights = [.. parameters.Select(p => graph.Initializers[p].Copy())];

        for (int epoch = 1; epoch <= Epochs; epoch++)
        {
            Schedule?.Invoke(epoch, Optimizer);
            int[] order = new CounterRandom(Seed, (ulong)epoch).Permutation(rows);
            double sum = 0;
            for (int from = 0; from < rows; from += BatchSize)
            {
                int[] batch = order[from..Math.Min(rows, from + BatchSize)];
                var feeds = new Dictionary<Value, NdArray> { [graph.Inputs[0]] = Rows(inputs, batch), [target] = Rows(targets, batch) };
                for (int p = 0; p < parameters.Length; p++) feeds.Add(parameters[p], weights[p]);
                NdArray[] results = session.Run(feeds, fetches, cancellation);
                sum += (double)results[0].Floats[0] * batch.Length;
                for (int p = 0; p < parameters.Length; p++) Optimizer.Step(p, weights[p].Floats, results[p + 1].Floats);
            }
            if (!double.IsFinite(sum)) throw new LimnException($"The loss became {sum} in epoch {epoch}. Lower the learning rate ({Optimizer.LearningRate}) or scale the inputs.");
            progress?.Report(new EpochResult(epoch, Epochs, sum / rows));
        }
        return graph.WithInitializers(parameters.Zip(weights).ToDictionary());
    }

    private static NdArray Rows(NdArray array, int[] rows)
    {
        NdArray chosen = NdArray.Create(array.Type, [rows.Length, .. array.Dims[1..]]);
        for (int i = 0; i < rows.Length; i++) chosen.Rows(i, 1).CopyFrom(array.Rows(rows[i], 1));
        return chosen;
    }
}

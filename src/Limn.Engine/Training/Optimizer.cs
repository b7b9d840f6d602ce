namespace Limn.Engine.Training;

/// <summary>How weights follow their gradients. An instance remembers its state and serves one training run.</summary>
public abstract class Optimizer
{
    /// <summary>The step size; may be changed between epochs.</summary>
    public float LearningRate { get; set; }

    /// <summary>Moves one parameter tensor.</summary>
    /// <param name="parameter">The number of the tensor, the same in every step.</param>
    /// <param name="weights">Its elements, changed in place.</param>
    /// <param name="gradient">The gradient of the loss.</param>
    public abstract void Step(int parameter, Span<float> weights, ReadOnlySpan<float> gradient);

    private protected static float[] State(Dictionary<int, float[]> states, int parameter, int length)
    {
        if (!states.TryGetValue(parameter, out float[]? state)) states.Add(parameter, state = new float[length]);
        return state;
    }
}

/// <summary>Stochastic gradient descent with momentum: v ← μ v + g + λ w; w ← w − η v.</summary>
public sealed class Sgd : Optimizer
{
    private readonly Dictionary<int, float[]> velocities = [];

    public Sgd(float learningRate) => LearningRate = learningRate;

    /// <summary>μ (default 0.9).</summary>
    public float Momentum { get; init; } = 0.9f;

    /// <summary>λ (default 0).</summary>
    public float WeightDecay { get; init; }

    public override void Step(int parameter, Span<float> weights, ReadOnlySpan<float> gradient)
    {
        float[] velocity = State(velocities, parameter, weights.Length);
        for (int i = 0; i < weights.Length; i++)
        {
            velocity[i] = Momentum * velocity[i] + gradient[i] + WeightDecay * weights[i];
            weights[i] -= LearningRate * velocity[i];
        }
    }
}

/// <summary>Adam: m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; w ← w − η m̂ / (√v̂ + ε), with bias-corrected m̂ and v̂. Kingma, Ba 2015, algorithm 1.</summary>
public sealed class Adam : Optimizer
{
    private readonly Dictionary<int, float[]> firsts = [];
    private readonly Dictionary<int, float[]> seconds = [];
    private readonly Dictionary<int, int> steps = [];

    public Adam(float learningRate = 1e-3f) => LearningRate = learningRate;

    public float Beta1 { get; init; } = 0.9f;

    public float Beta2 { get; init; } = 0.999f;

    public float Epsilon { get; init; } = 1e-8f;

    /// <summary>λ of a penalty ½λ|w|² whose gradient is added to g (default 0).</summary>
    public float WeightDecay { get; init; }

    public override void Step(int parameter, Span<float> weights, ReadOnlySpan<float> gradient)
    {
        float[] first = State(firsts, parameter, weights.Length), second = State(seconds, parameter, weights.Length);
        int step = steps[parameter] = steps.GetValueOrDefault(parameter) + 1;
        double firstCorrection = 1 - Math.Pow(Beta1, step), secondCorrection = 1 - Math.Pow(Beta2, step);
        for (int i = 0; i < weights.Length; i++)
        {
            float g = gradient[i] + WeightDecay * weights[i];
            first[i] = Beta1 * first[i] + (1 - Beta1) * g;
            second[i] = Beta2 * second[i] + (1 - Beta2) * g * g;
            weights[i] -= (float)(LearningRate * (first[i] / firstCorrection) / (Math.Sqrt(second[i] / secondCorrection) + Epsilon));
        }
    }
}

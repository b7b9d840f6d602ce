using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>An activation function of a recurrent layer.</summary>
internal delegate Value Activation(GraphBuilder graph, Value x);

/// <summary>The activation functions that ONNX names, with their parameters and defaults.</summary>
internal static class RecurrentActivations
{
    /// <exception cref="UnsupportedOperatorException">There is none of this name.</exception>
    public static Activation Find(string name, float? alpha, float? beta) => name.ToUpperInvariant() switch
    {
        "SIGMOID" => (g, x) => g.Sigmoid(x),
        "TANH" => (g, x) => g.Tanh(x),
        "RELU" => (g, x) => g.Relu(x),
        "SOFTPLUS" => (g, x) => g.Softplus(x),
        "SOFTSIGN" => (g, x) => g.Op(new Softsign(), x),
        "AFFINE" => (g, x) => g.Add(g.Scale(x, alpha ?? 1), g.ScalarLike(x, beta ?? 0)),
        "LEAKYRELU" => (g, x) => g.LeakyRelu(x, alpha ?? 0.01f),
        "THRESHOLDEDRELU" => (g, x) => g.Op(new ThresholdedRelu { Alpha = alpha ?? 1 }, x),
        "SCALEDTANH" => (g, x) => g.Scale(g.Tanh(g.Scale(x, beta ?? 1)), alpha ?? 1),
        "HARDSIGMOID" => (g, x) => g.Op(new HardSigmoid { Alpha = alpha ?? 0.2f, Beta = beta ?? 0.5f }, x),
        "ELU" => (g, x) => g.Op(new Elu { Alpha = alpha ?? 1 }, x),
        _ => throw new UnsupportedOperatorException($"its activation '{name}' is not known."),
    };

    /// <summary>The activations of each direction.</summary>
    /// <param name="attributes">The node's attributes.</param>
    /// <param name="defaults">The names for one direction.</param>
    /// <param name="directions">How many directions there are.</param>
    public static Activation[][] Read(NodeAttributes attributes, string[] defaults, int directions)
    {
        string[] names = attributes.Strings("activations") ?? [.. Enumerable.Repeat(defaults, directions).SelectMany(d => d)];
        float[] alpha = attributes.Floats("activation_alpha") ?? [], beta = attributes.Floats("activation_beta") ?? [];
        if (names.Length != directions * defaults.Length)
            throw new InvalidModelException($"it names {names.Length} activations, and {directions * defaults.Length} are expected.");
        // Parameters are listed only for the functions that have them.
        int nextAlpha = 0, nextBeta = 0;
        Activation[] all = [.. names.Select(n => Find(n,
            n.ToUpperInvariant() is "AFFINE" or "LEAKYRELU" or "THRESHOLDEDRELU" or "SCALEDTANH" or "HARDSIGMOID" or "ELU" && nextAlpha < alpha.Length ? alpha[nextAlpha++] : null,
            n.ToUpperInvariant() is "AFFINE" or "SCALEDTANH" or "HARDSIGMOID" && nextBeta < beta.Length ? beta[nextBeta++] : null))];
        return [.. all.Chunk(defaults.Length)];
    }
}

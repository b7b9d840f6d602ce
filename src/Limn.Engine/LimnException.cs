namespace Limn;

/// <summary>The base of every error that Limn raises on purpose. Its message is one sentence or two that say what was wrong and how to mend it.</summary>
public class LimnException : Exception
{
    private const int Longest = 2000;

    public LimnException(string message) : base(OneLine(message)) { }
    public LimnException(string message, Exception? inner) : base(OneLine(message), inner) { }

    /// <summary>A message may quote a file, which may hold anything: it stays one line of printable characters, and comes to an end.</summary>
    private static string OneLine(string message)
    {
        string cut = message.Length > Longest ? message[..Longest] + "..." : message;
        return string.Create(cut.Length, cut, (to, from) =>
        {
            for (int i = 0; i < to.Length; i++) to[i] = char.IsControl(from[i]) ? '?' : from[i];
        });
    }
}

/// <summary>A model file cannot be read: missing, truncated, not ONNX, or inconsistent.</summary>
public sealed class InvalidModelException(string message, Exception? inner = null) : LimnException(message, inner);

/// <summary>A model uses an operator, an attribute or an operator-set version that Limn does not implement.</summary>
public sealed class UnsupportedOperatorException(string message) : LimnException(message);

/// <summary>A tensor's shape or element type is not what the graph expects.</summary>
public sealed class ShapeMismatchException(string message, Exception? inner = null) : LimnException(message, inner);

/// <summary>The gradient cannot pass through a node on every path between target and place.</summary>
public sealed class NotDifferentiableException(string message) : LimnException(message);

/// <summary>A layer, value, input or output name matches nothing, or more than one thing, in the model.</summary>
public sealed class UnknownNameException(string message) : LimnException(message);

/// <summary>A target (class, neuron, output) does not exist in the model.</summary>
public sealed class InvalidTargetException(string message) : LimnException(message);

/// <summary>Input data (a picture, a table, an array file) cannot be read or holds values that cannot be explained, such as NaN.</summary>
public sealed class InvalidDataException(string message, Exception? inner = null) : LimnException(message, inner);

/// <summary>An option of a method is unknown or out of range.</summary>
public sealed class InvalidOptionException(string message) : LimnException(message);

"""Whether events came at other times than their files say."""

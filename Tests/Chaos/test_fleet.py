"""The fleet's own tools: a log that loses lines would blame the helper for failures without a cause."""

import os
import tempfile
import unittest

from fleet import Replica


class LogTest(unittest.TestCase):
    def test_reading_a_log_does_not_move_where_its_process_writes(self):
        replica = Replica.__new__(Replica)
        with tempfile.TemporaryFile() as replica.log:
            shared = replica.log.fileno()
            os.write(shared, b'{"message":"one"}\nno JSON\n')
            # As if the process had just been about to write here, in the middle of the reading.
            os.lseek(shared, 9, os.SEEK_SET)
            self.assertEqual([line["message"] for line in replica.lines()], ["one", "no JSON"])
            self.assertEqual(os.lseek(shared, 0, os.SEEK_CUR), 9)


if __name__ == "__main__":
    unittest.main()
